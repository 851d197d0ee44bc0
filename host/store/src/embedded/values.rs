//! Converts attributes between the types of the SDK and those of the database.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue as Sdk;
use dynoxide::{AttributeValue as Own, DynoxideError};

use crate::item::AttributeMap;

/// An attribute as the database has it; an error for a type of the SDK that the database does not have.
fn inward(value: Sdk) -> dynoxide::Result<Own> {
    Ok(match value {
        Sdk::S(text) => Own::S(text),
        Sdk::N(digits) => Own::N(digits),
        Sdk::B(bytes) => Own::B(bytes.into_inner()),
        Sdk::Bool(value) => Own::BOOL(value),
        Sdk::Null(value) => Own::NULL(value),
        Sdk::Ss(texts) => Own::SS(texts),
        Sdk::Ns(digits) => Own::NS(digits),
        Sdk::Bs(all) => Own::BS(all.into_iter().map(Blob::into_inner).collect()),
        Sdk::L(list) => Own::L(list.into_iter().map(inward).collect::<Result<_, _>>()?),
        Sdk::M(map) => Own::M(inward_item(map)?),
        _ => return Err(DynoxideError::SerializationException("an attribute of an unknown type".to_owned())),
    })
}

pub(crate) fn inward_item(item: AttributeMap) -> dynoxide::Result<HashMap<String, Own>> {
    item.into_iter().map(|(name, value)| Ok((name, inward(value)?))).collect()
}

fn outward(value: Own) -> Sdk {
    match value {
        Own::S(text) => Sdk::S(text),
        Own::N(digits) => Sdk::N(digits),
        Own::B(bytes) => Sdk::B(Blob::new(bytes)),
        Own::BOOL(value) => Sdk::Bool(value),
        Own::NULL(value) => Sdk::Null(value),
        Own::SS(texts) => Sdk::Ss(texts),
        Own::NS(digits) => Sdk::Ns(digits),
        Own::BS(all) => Sdk::Bs(all.into_iter().map(Blob::new).collect()),
        Own::L(list) => Sdk::L(list.into_iter().map(outward).collect()),
        Own::M(map) => Sdk::M(outward_item(map)),
    }
}

pub(crate) fn outward_item(item: HashMap<String, Own>) -> AttributeMap {
    item.into_iter().map(|(name, value)| (name, outward(value))).collect()
}
