//! Handler `lab-results`: makes one input of each result set that a laboratory posts. The host has verified the
//! signature; the handler checks the shape of all sets before it accepts any.
//!
//! ```json
//! {
//!   "laboratory": "Synlab",
//!   "resultSets": [{
//!     "orderId": "S-2041", "patientId": "ana", "collectedAt": "2026-11-25T07:40:00+02:00",
//!     "values": [
//!       { "code": "K", "name": "Potassium", "value": 5.4, "unit": "mmol/L", "range": { "low": 3.5, "high": 5.1 } }
//!     ]
//!   }]
//! }
//! ```

use std::collections::BTreeSet;

use clinic::results::{Measurement, ResultSet};
use signalbox_sdk::prelude::*;

/// The most result sets of one delivery.
const MOST_SETS: usize = 100;

/// A laboratory's delivery. Additional fields are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    laboratory: String,
    result_sets: Vec<Order>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: String,
    patient_id: String,
    #[serde(default)]
    collected_at: Option<String>,
    /// The clinic's place that ordered, where it has several.
    #[serde(default)]
    location_id: Option<String>,
    values: Vec<Measurement>,
}

/// Turns a delivery into inputs.
#[input_handler]
pub fn lab_results(event: Event) -> Result<Handled, Rejection> {
    let Event::Webhook(request) = event else {
        return Err(Rejection::Invalid("laboratory results come by webhook".to_owned()));
    };
    let Delivery { laboratory, result_sets } = request.json()?;
    if result_sets.len() > MOST_SETS {
        let count = result_sets.len();
        return Err(Rejection::Invalid(format!("{count} result sets in one delivery; send at most {MOST_SETS}")));
    }
    let (mut handled, mut orders, accepted) = (Handled::new(), BTreeSet::new(), result_sets.len());
    for order in result_sets {
        let Order { order_id, patient_id, collected_at, location_id, values } = order;
        let set = ResultSet { laboratory: laboratory.clone(), order_id, patient_id, collected_at, values };
        set.check().map_err(Rejection::Invalid)?;
        if !orders.insert(set.order_id.clone()) {
            return Err(Rejection::Invalid(format!("order `{}` stands twice in one delivery", set.order_id)));
        }
        let mut input = NewInput::new(InputType::Webhook).id(&set.order_id).data(&set)?;
        if let Some(location) = location_id {
            input = input.location(location);
        }
        handled = handled.input(input);
    }
    info!(laboratory = laboratory, accepted = accepted, "took laboratory results");
    Ok(handled.reply_json(&json!({ "accepted": accepted }))?)
}

#[cfg(test)]
mod tests {
    use signalbox_sdk::WebhookRequest;

    use super::*;

    fn deliver(body: &[u8]) -> Result<Handled, Rejection> {
        let (hook, delivery_id) = ("lab-results".to_owned(), "msg_1".to_owned());
        let request = WebhookRequest { hook, delivery_id, headers: vec![], body: body.to_vec() };
        testing::handle(lab_results, Event::Webhook(request))
    }

    fn post(body: &Value) -> Result<Handled, Rejection> {
        deliver(body.to_string().as_bytes())
    }

    fn set(order: &str) -> Value {
        let values = json!([{ "code": "K", "value": 4.2, "unit": "mmol/L", "range": { "low": 3.5, "high": 5.1 } }]);
        json!({ "orderId": order, "patientId": "ana", "values": values, "analyser": "X-9" })
    }

    #[test]
    fn each_result_set_is_an_input_under_its_order() {
        let handled = post(&json!({ "laboratory": "Lab", "resultSets": [set("O-1"), set("O-2")] })).unwrap();
        let ids: Vec<_> = handled.inputs.iter().map(|input| input.id.as_deref().unwrap()).collect();
        assert_eq!(ids, ["O-1", "O-2"]);
        let data: ResultSet = handled.inputs[0].content.data.as_ref().unwrap().read().unwrap();
        assert_eq!((data.laboratory.as_str(), data.patient_id.as_str()), ("Lab", "ana"));
        let reply = handled.reply.unwrap();
        assert_eq!(
            (reply.content_type.as_str(), reply.body.as_slice()),
            ("application/json", &br#"{"accepted":2}"#[..])
        );
    }

    #[test]
    fn a_delivery_without_results_is_accepted_and_decides_nothing() {
        let handled = post(&json!({ "laboratory": "Lab", "resultSets": [] })).unwrap();
        assert!(handled.inputs.is_empty());
        assert_eq!(handled.reply.unwrap().body, br#"{"accepted":0}"#);
    }

    #[test]
    fn a_malformed_body_is_rejected_whole_and_named() {
        let with = |patch: Value| {
            let mut broken = set("O-2");
            broken.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
            json!({ "laboratory": "Lab", "resultSets": [set("O-1"), broken] })
        };
        let too_many: Vec<Value> = (0..=MOST_SETS).map(|number| set(&number.to_string())).collect();
        let cases = [
            (json!([]), "`body`: expected an object, found an array"),
            (json!(["Lab", []]), "`body`: expected an object, found an array"),
            (json!({ "resultSets": [] }), "`body`: the key `laboratory` is missing"),
            (with(json!({ "orderId": "O-1" })), "twice"),
            (with(json!({ "orderId": "" })), "`orderId`"),
            (with(json!({ "patientId": " " })), "`patientId`"),
            (with(json!({ "values": [] })), "0 values"),
            (
                with(json!({ "values": [{ "code": "K", "value": "4.2" }] })),
                "`body.resultSets[1].values[0].value`: expected a number, found the string \"4.2\"",
            ),
            (
                with(json!({ "values": [["K", "Potassium", 4.2]] })),
                "`body.resultSets[1].values[0]`: expected an object, found an array",
            ),
            (with(json!({ "values": [{ "code": "K", "value": 4, "range": { "low": 5, "high": 3 } }] })), "from 5 to 3"),
            (json!({ "laboratory": "Lab", "resultSets": too_many }), "at most 100"),
        ];
        for (body, expected) in cases {
            let Err(Rejection::Invalid(reason)) = post(&body) else { panic!("accepted {body}") };
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn bytes_that_are_no_json_are_rejected() {
        let huge = br#"{"laboratory":"L","resultSets":[{"orderId":"1","patientId":"a","values":[{"code":"K","value":1e999}]}]}"#;
        let twice = br#"{"laboratory":"L","resultSets":[],"resultSets":[]}"#;
        for body in [&b""[..], b"\xff\xfe", b"\xef\xbb\xbf{}", b"{", b"null", huge, twice] {
            assert!(matches!(deliver(body), Err(Rejection::Invalid(_))));
        }
    }

    #[test]
    fn what_came_another_way_is_rejected() {
        let tick = signalbox_sdk::Tick { schedule: "s".into(), nominal: "2026-11-25T00:00:00Z".into(), payload: None };
        assert!(matches!(testing::handle(lab_results, Event::Cron(tick)), Err(Rejection::Invalid(_))));
    }
}
