//! Node `weigh`: how soon a person must look because of one symptom. The graph runs it once for each.

use clinic::symptoms::Symptom;
use clinic::triage;
use signalbox_sdk::prelude::*;

/// Weighs the symptom that this run is for.
#[decision_node]
pub fn weigh(context: &Context) -> Result<Step, Failure> {
    let symptom: Symptom = context.item()?;
    let weight = triage::weigh(&symptom, context.text()?);
    info!(symptom = weight.code, urgency = weight.urgency.name(), "weighed a symptom");
    Ok(Step::new().update("weights", &weight)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(item: Value) -> Result<Value, Failure> {
        let context = testing::context().text("Mă doare capul brusc de ieri și tușesc").item(0, &item).build();
        let step = testing::run(|context: &Context, _: ()| weigh(context), &context, json!({}))?;
        Ok(serde_json::from_str(&step.updates[0].1).unwrap())
    }

    #[test]
    fn one_run_weighs_one_symptom() {
        let weight = weighed(json!({ "code": "headache", "said": "Mă doare capul brusc de ieri" })).unwrap();
        assert_eq!((&weight["urgency"], &weight["days"]), (&json!("emergency"), &json!(1)));
        assert_eq!(weight["red_flags"], json!(["brusc"]));
        let weight = weighed(json!({ "code": "cough", "said": "tușesc" })).unwrap();
        assert_eq!(weight["urgency"], "routine");
    }

    #[test]
    fn an_item_that_is_no_symptom_stops_the_run() {
        assert!(matches!(weighed(json!("headache")), Err(Failure::Fatal(_))));
    }
}
