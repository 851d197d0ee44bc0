//! Node `symptoms`: lists the patient's symptoms, so that the graph weighs each of them.

use clinic::symptoms;
use signalbox_sdk::prelude::*;

/// Lists the symptoms of the message.
#[decision_node]
pub fn symptoms(context: &Context) -> Result<Step, Failure> {
    let found = symptoms::read(context.text()?);
    let names: Vec<&str> = found.iter().map(|symptom| symptom.code.as_str()).collect();
    let note = if names.is_empty() { "no known symptom".to_owned() } else { format!("symptoms {}", names.join(", ")) };
    Ok(Step::new().update("symptoms", &found)?.update("notes", &note)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_symptom_is_an_item() {
        let context = testing::context().text("Mă doare capul și am febră 39").build();
        let step = testing::run(|context: &Context, _: ()| symptoms(context), &context, json!({})).unwrap();
        let found: Vec<Value> = serde_json::from_str(&step.updates[0].1).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(step.updates[1].1, r#""symptoms headache, fever""#);
    }

    #[test]
    fn a_message_that_names_none_gives_an_empty_list() {
        let context = testing::context().text("mi-e rău").build();
        let step = testing::run(|context: &Context, _: ()| symptoms(context), &context, json!({})).unwrap();
        assert_eq!(step.updates[0].1, "[]");
    }
}
