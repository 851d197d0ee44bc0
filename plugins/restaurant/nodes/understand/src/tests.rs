use super::*;
use signalbox_sdk::testing::{ContextBuilder, Host};

fn guest(text: &str) -> ContextBuilder {
    testing::context()
        .text(text)
        .local_now("2026-11-25T15:30:00+02:00")
        .business("Trattoria", "ro", "Europe/Bucharest")
        .settings(json!({ "hours": { "thursday": ["12:00-23:00"] }, "menu": [] }))
}

/// Language, intent and certainty.
fn understood(host: &Host, text: &str, conversation: Value) -> (String, String, f64) {
    let step = host.run(understand, &guest(text).build(), json!({ "conversation": conversation })).unwrap();
    let channel = |name: &str| {
        let update = step.updates.iter().find(|(channel, _)| channel == name);
        serde_json::from_str::<Value>(&update.unwrap().1).unwrap()
    };
    let text = |name: &str| channel(name).as_str().unwrap().to_owned();
    (text("language"), text("intent"), channel("certainty").as_f64().unwrap())
}

#[test]
fn the_model_decides_what_the_rules_do_not_know() {
    let host = Host::new().llm_answer(r#"{"intent":"booking","confidence":0.9}"#);
    assert_eq!(understood(&host, "ne-am gândit să trecem pe la voi", json!({})), ("ro".into(), "booking".into(), 0.9));
}

#[test]
fn model_and_rules_that_agree_are_surer_than_each_alone() {
    let host = Host::new().llm_answer(r#"{"intent":"hours","confidence":0.9}"#);
    let (_, intent, certainty) = understood(&host, "La ce oră deschideți?", json!({}));
    assert_eq!(intent, "hours");
    assert!(certainty > 0.9);
    let host = Host::new().llm_answer(r#"{"intent":"menu","confidence":0.9}"#);
    assert!(understood(&host, "La ce oră deschideți?", json!({})).2 < 0.8, "disagreement costs certainty");
}

#[test]
fn whatever_goes_wrong_with_the_model_the_rules_decide() {
    let hosts = [
        Host::new(),
        Host::new().llm_error(llm::Error::Timeout),
        Host::new().llm_error(llm::Error::QuotaExhausted),
        Host::new().llm_answer("I think they want a table"),
        Host::new().llm_answer(r#"{"intent":"world peace","confidence":0.9}"#),
        Host::new().llm_answer(r#"{"intent":"menu","confidence":17}"#),
        Host::new().llm_answer(r#"{"intent":"menu"}"#),
        Host::new().grant("rag", "read"),
    ];
    for host in hosts {
        let (language, intent, certainty) = understood(&host, "I'd like to book a table", json!({}));
        assert_eq!((language.as_str(), intent.as_str()), ("en", "booking"));
        assert!(certainty > 0.5);
        assert!(host.log_lines()[0].message.contains("the rules decide"));
    }
}

#[test]
fn the_model_cannot_talk_away_that_somebody_was_hurt() {
    let host = Host::new().llm_answer(r#"{"intent":"menu","confidence":0.99}"#);
    assert_eq!(understood(&host, "fiul meu are toxiinfecție de la pește", json!({})).1, "complaint");
}

#[test]
fn an_answer_to_our_question_is_about_the_table() {
    let host = Host::new();
    let conversation = json!({ "language": "en", "request": { "guests": 4 }, "awaited": "time" });
    assert_eq!(understood(&host, "19:30", conversation.clone()), ("en".into(), "booking".into(), 0.9));
    assert_eq!(understood(&host, "cancel it please", conversation).1, "cancel");
    assert_eq!(understood(&host, "19:30", json!({})).1, "unclear", "without a question before, a time is no wish");
}

#[test]
fn a_message_that_tells_no_language_keeps_the_one_spoken_or_the_houses() {
    let host = Host::new();
    assert_eq!(understood(&host, "19:30", json!({ "language": "en" })).0, "en");
    assert_eq!(understood(&host, "19:30", json!({})).0, "ro");
}

#[test]
fn the_model_hears_what_was_asked_last_and_nothing_of_other_guests() {
    let host = Host::new().llm_answer(r#"{"intent":"booking","confidence":0.9}"#);
    understood(&host, "mâine", json!({ "awaited": "date" }));
    assert_eq!(host.calls().len(), 1);
    assert_eq!(host.calls()[0].capability, "llm");
}

#[test]
fn an_input_without_words_is_invalid() {
    let context = guest("").build();
    assert!(matches!(Host::new().run(understand, &context, json!({})), Err(Failure::Invalid(_))));
}
