//! Handler `pos`: records of the topic `pos.events`. Events about tables and takings become inputs; other events of the
//! till give none; malformed records are rejected and become dead letters.

use restaurant::pos::PosEvent;
use signalbox_sdk::prelude::*;

/// Events of the till that need no decision.
const QUIET: [&str; 4] = ["till.opened", "till.closed", "shift.changed", "heartbeat"];

/// The field with the kind of the record.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    name: String,
}

/// Turns a record into an input, or into none.
#[input_handler]
pub fn pos(event: Event) -> Result<Handled, Rejection> {
    let Event::Kafka(entry) = event else {
        return Err(Rejection::Invalid("events of the point of sale come by Kafka".to_owned()));
    };
    // A tombstone only deletes an earlier record from the topic.
    let Some(Kind { name }) = entry.json()? else { return Ok(Handled::new()) };
    if QUIET.contains(&name.as_str()) {
        return Ok(Handled::new());
    }
    let Some(told): Option<PosEvent> = entry.json()? else { return Ok(Handled::new()) };
    told.check().map_err(Rejection::Invalid)?;
    let mut input = NewInput::new(InputType::KafkaRecord).id(&told.event_id).data(&told)?;
    if let Some(location) = &told.location_id {
        input = input.location(location);
    }
    Ok(Handled::new().input(input))
}

#[cfg(test)]
mod tests {
    use signalbox_sdk::Entry;

    use super::*;

    fn record(value: Option<&[u8]>) -> Result<Handled, Rejection> {
        let value = value.map(<[u8]>::to_vec);
        let (topic, headers) = ("pos.events".to_owned(), Vec::new());
        let entry = Entry { topic, partition: 0, offset: 7, key: None, headers, value, timestamp: None };
        testing::handle(pos, Event::Kafka(entry))
    }

    #[test]
    fn what_happens_at_tables_becomes_inputs() {
        let records = [
            r#"{"eventId":"e1","type":"table.opened","table":"12","guests":3,"locationId":"centru"}"#,
            r#"{"eventId":"e2","type":"table.freed","table":"12"}"#,
            r#"{"eventId":"e3","type":"bill.paid","table":"12","totalMinor":12350}"#,
        ];
        for (number, text) in records.into_iter().enumerate() {
            let handled = record(Some(text.as_bytes())).unwrap();
            let [input] = &handled.inputs[..] else { panic!("one input of {text}") };
            assert_eq!(input.id.as_deref(), Some(format!("e{}", number + 1).as_str()));
            input.content.data.as_ref().unwrap().read::<PosEvent>().unwrap();
        }
    }

    #[test]
    fn what_needs_no_decision_gives_no_input() {
        assert!(record(Some(b"null")).unwrap().inputs.is_empty(), "the same in JSON");
        assert!(record(None).unwrap().inputs.is_empty(), "a tombstone");
        assert!(record(Some(br#"{"type":"heartbeat","till":3}"#)).unwrap().inputs.is_empty());
    }

    #[test]
    fn poison_is_rejected_with_the_place_what_was_expected_and_what_was_found() {
        let poison: [(&[u8], &str); 13] = [
            (b"", "`value`: it is empty; expected JSON"),
            (b"\x00\xff", "`value`: it is no UTF-8 from its byte 2 on; send JSON in UTF-8"),
            (b"[]", "`value`: expected an object, found an array"),
            (br#"["table.freed"]"#, "`value`: expected an object, found an array"),
            (br#"{"eventId":"e","table":"1"}"#, "`value`: the key `type` is missing"),
            (br#"{"type":"table.freed","table":"1"}"#, "`value`: the key `eventId` is missing"),
            (
                br#"{"eventId":"e","type":"table.melted","table":"1"}"#,
                "`value.type`: expected one of `table.opened`, `table.freed`, `bill.paid`, found the string \"table.melted\"",
            ),
            (
                br#"{"eventId":"e","type":"table.opened","table":"1","guests":-3}"#,
                "`value.guests`: expected a whole number from 0 to 4294967295, found the number -3",
            ),
            (
                br#"{"eventId":"e","type":"table.opened","table":"1","guests":0}"#,
                "`value.guests`: expected a whole number from 1 to 1000, found the number 0",
            ),
            (
                br#"{"eventId":"e","type":"table.opened","table":"1"}"#,
                "`value`: the key `guests` is missing, which `table.opened` needs",
            ),
            (
                br#"{"eventId":" ","type":"table.freed","table":"1"}"#,
                "`value.eventId`: expected a string of 1 to 128 bytes that is not blank",
            ),
            (
                br#"{"eventId":"e","type":"table.freed","table":"1","table":"2"}"#,
                "`value`: the key `table` stands twice",
            ),
            (
                br#"{"eventId":"e","type":"bill.paid","table":"1","totalMinor":99999999999}"#,
                "`value.totalMinor`: expected a whole number from 0 to 1000000000, found the number 99999999999",
            ),
        ];
        for (value, expected) in poison {
            let Err(Rejection::Invalid(reason)) = record(Some(value)) else {
                panic!("took {}", String::from_utf8_lossy(value))
            };
            assert_eq!(reason, expected);
        }
    }
}
