use super::*;
use signalbox_sdk::testing::Host;

fn updates(host: &Host, text: &str, state: Value) -> (String, String) {
    let context = testing::context().text(text).local_now("2026-11-25T15:30:00+02:00").build();
    let step = host.run(understand, &context, state).unwrap();
    let value = |channel: &str| step.updates.iter().find(|(name, _)| name == channel).unwrap().1.clone();
    (value("language"), value("intent"))
}

#[test]
fn the_model_may_not_talk_away_a_danger() {
    let host = Host::new().llm_answer(r#"{"intent":"greeting","confidence":0.99}"#);
    assert_eq!(updates(&host, "Bună, mă doare pieptul", json!({})).1, r#""symptoms""#);
    assert_eq!(updates(&host, "Bună ziua", json!({})).1, r#""greeting""#);
}

#[test]
fn the_model_may_not_talk_away_a_complaint_that_no_rule_weighs() {
    for (text, answer) in [
        ("Bună, mi-e rău", "greeting"),
        ("am luat niște pastile", "unclear"),
        ("I feel a strange pain, are you open?", "hours"),
        ("Am tușit cu sânge", "greeting"),
        ("nu-mi simt brațul", "unclear"),
    ] {
        let host = Host::new().llm_answer(format!(r#"{{"intent":"{answer}","confidence":0.99}}"#));
        assert_eq!(updates(&host, text, json!({})).1, r#""symptoms""#, "{text}");
    }
}

#[test]
fn without_a_model_the_rules_decide_in_both_languages() {
    let host = Host::new().llm_error(llm::Error::Timeout);
    assert_eq!(updates(&host, "Aș vrea o programare joi", json!({})), (r#""ro""#.into(), r#""appointment""#.into()));
    assert_eq!(updates(&host, "I have a cough", json!({})), (r#""en""#.into(), r#""symptoms""#.into()));
}

#[test]
fn a_yes_means_what_was_asked() {
    let host = Host::new().llm_error(llm::Error::Timeout);
    let asked = json!({ "conversation": { "language": "ro", "awaited": "wish" } });
    assert_eq!(updates(&host, "da", asked.clone()).1, r#""appointment""#);
    assert_eq!(updates(&host, "joi dimineața", asked.clone()).1, r#""appointment""#);
    assert_eq!(updates(&host, "nu", asked).1, r#""refusal""#);
    assert_eq!(updates(&host, "da", json!({})).1, r#""agreement""#, "to nothing");
}

#[test]
fn a_model_that_answers_nonsense_is_not_believed() {
    for answer in [r#"{"intent":"greeting","confidence":7}"#, r#"{"intent":"dance","confidence":1}"#, "well"] {
        let host = Host::new().llm_answer(answer);
        assert_eq!(updates(&host, "I have a cough", json!({})).1, r#""symptoms""#, "{answer}");
    }
}
