//! Finds the business that a record on a bundle's topic belongs to.

use std::sync::Arc;

use signalbox_executor::DecideError;
use signalbox_graph::Inputs;
use signalbox_intake::Intake;
use signalbox_model::BusinessInfo;

use crate::record::Record;
use crate::record_error::RecordError;

/// The header that names the business.
pub(super) const BUSINESS_HEADER: &str = "business-id";

/// The business of a record: the one that the header names, else the one whose id is the key, else the only business
/// there is. A wrong name is refused; the host does not guess.
pub(super) fn of(record: &Record, intake: &Intake) -> Result<String, RecordError> {
    let mut named = record.headers(BUSINESS_HEADER);
    match (named.next(), named.next()) {
        (None, _) => {}
        (Some(id), None) => {
            return check_business(std::str::from_utf8(id).map_err(|_| RecordError::BusinessHeader)?, record, intake);
        }
        (Some(_), Some(_)) => return Err(RecordError::BusinessHeader),
    }
    let readers: Vec<String> = intake
        .businesses()
        .iter()
        .filter_map(|business| {
            let (_, inputs) = intake.inputs(&business.business_id).ok()?;
            reads_topic(&inputs, &record.topic).then(|| business.business_id.clone())
        })
        .collect();
    let by_key = readers.iter().find(|reader| record.key.as_deref() == Some(reader.as_bytes()));
    match (by_key, readers.as_slice()) {
        (Some(reader), _) => Ok(reader.clone()),
        // The only business that is loaded may not be the only one that exists, and must not get another's record.
        (None, _) if may_belong_to_unloaded_business(record, intake) => Err(RecordError::BusinessNotLoaded),
        (None, [reader]) => Ok(reader.clone()),
        (None, readers) => Err(RecordError::NoBusiness { topic: record.topic.to_string(), readers: readers.len() }),
    }
}

/// Whether a record that names no loaded business may belong to one that cannot be served right now.
fn may_belong_to_unloaded_business(record: &Record, intake: &Intake) -> bool {
    let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
    // An unreadable file that names no business does not make every key a business.
    let waits = |key: &str| matches!(intake.inputs(key), Err(DecideError::NotLoaded { .. }));
    key.is_some_and(waits) || intake.may_lack_a_reader(&record.topic)
}

fn check_business(business_id: &str, record: &Record, intake: &Intake) -> Result<String, RecordError> {
    let (_, inputs) = business_inputs(business_id, intake)?;
    if !reads_topic(&inputs, &record.topic) {
        return Err(RecordError::OtherBusiness { business: business_id.to_owned(), topic: record.topic.to_string() });
    }
    Ok(business_id.to_owned())
}

/// A business and its bundle's inputs; the refusal says whether the business or a bundle for it is missing.
pub(super) fn business_inputs(
    business_id: &str,
    intake: &Intake,
) -> Result<(Arc<BusinessInfo>, Arc<Inputs>), RecordError> {
    intake.inputs(business_id).map_err(|error| match error {
        DecideError::NotLoaded { business_type } => RecordError::NotLoaded(business_type),
        DecideError::BusinessNotLoaded(_) => RecordError::BusinessNotLoaded,
        DecideError::NoBundle { business_type } => RecordError::NoBundle(business_type),
        _ => RecordError::UnknownBusiness(business_id.chars().take(128).collect()),
    })
}

fn reads_topic(inputs: &Inputs, topic: &str) -> bool {
    inputs.kafka.values().any(|input| input.topic == topic)
}
