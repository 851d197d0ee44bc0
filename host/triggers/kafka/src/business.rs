//! Whose affair a record on a bundle's topic is.

use std::sync::Arc;

use signalbox_graph::{Inputs, KafkaInput};
use signalbox_model::BusinessInfo;

use crate::record::Record;
use crate::refusal::Refusal;
use signalbox_intake::Decide;

/// The header that says it.
pub(super) const BUSINESS_HEADER: &str = "business-id";

/// A business whose bundle reads a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reader {
    pub business_id: String,
    /// The plugin that reads it; none is the default mapping.
    pub handler: Option<String>,
}

/// Who reads the record: the business that the header names, else the one that the key is the id of, else the only one
/// that there is. What is said wrongly is refused and never guessed.
pub(super) fn of(record: &Record, decide: &dyn Decide) -> Result<Reader, Refusal> {
    let mut named = record.headers(BUSINESS_HEADER);
    match (named.next(), named.next()) {
        (None, _) => {}
        (Some(id), None) => {
            return reader(std::str::from_utf8(id).map_err(|_| Refusal::BusinessHeader)?, record, decide);
        }
        (Some(_), Some(_)) => return Err(Refusal::BusinessHeader),
    }
    let readers: Vec<Reader> = decide
        .businesses()
        .iter()
        .filter_map(|business| {
            let (_, inputs) = decide.inputs(&business.business_id)?;
            let handler = input(&inputs, &record.topic)?.handler.clone();
            Some(Reader { business_id: business.business_id.clone(), handler })
        })
        .collect();
    let by_key = readers.iter().find(|reader| record.key.as_deref() == Some(reader.business_id.as_bytes()));
    match (by_key, readers.as_slice()) {
        (Some(reader), _) | (None, [reader]) => Ok(reader.clone()),
        (None, readers) => Err(Refusal::NoBusiness { topic: record.topic.to_string(), readers: readers.len() }),
    }
}

fn reader(business_id: &str, record: &Record, decide: &dyn Decide) -> Result<Reader, Refusal> {
    let (_, inputs) = served(business_id, decide)?;
    let input = input(&inputs, &record.topic)
        .ok_or_else(|| Refusal::OtherBusiness { business: business_id.to_owned(), topic: record.topic.to_string() })?;
    Ok(Reader { business_id: business_id.to_owned(), handler: input.handler.clone() })
}

/// A business and where inputs for it enter; the refusal says what is missing: the business, or a bundle for it.
pub(super) fn served(business_id: &str, decide: &dyn Decide) -> Result<(Arc<BusinessInfo>, Arc<Inputs>), Refusal> {
    if let Some(served) = decide.inputs(business_id) {
        return Ok(served);
    }
    let business = decide.businesses().into_iter().find(|business| business.business_id == business_id);
    Err(match business {
        Some(business) if decide.awaits_bundle(business_id) => Refusal::NotLoaded(business.business_type.clone()),
        Some(business) => Refusal::NoBundle(business.business_type.clone()),
        None => Refusal::UnknownBusiness(business_id.chars().take(128).collect()),
    })
}

fn input<'a>(inputs: &'a Inputs, topic: &str) -> Option<&'a KafkaInput> {
    inputs.kafka.values().find(|input| input.topic == topic)
}
