use std::fs;

use serde_json::json;
use signalbox_bindings::signalbox::llm::llm::{Message, Role};

use super::*;

mod openai;
mod request_fallbacks;

fn asks(text: &str) -> Request {
    Request {
        model: "default".to_owned(),
        messages: vec![
            Message { role: Role::System, content: "Classify.".to_owned() },
            Message { role: Role::User, content: text.to_owned() },
        ],
        max_tokens: None,
        temperature: None,
        response_schema: None,
        timeout: None,
    }
}

fn scripted(script: &str) -> Result<Scripted, ScriptError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("llm.toml");
    fs::write(&file, script).unwrap();
    Scripted::open(&file, "default")
}

#[tokio::test]
async fn the_first_rule_that_fits_the_last_user_message_answers() {
    let script = scripted(
        "[[models.default]]\nwhen = { contains = ['masă', 'table'] }\nreply-json = { intent = 'booking' }\n\
         [[models.default]]\nwhen = { matches = '^open' }\nreply = 'hours'\n\
         [[models.default]]\notherwise = true\nerror = 'rate-limited'\n",
    )
    .unwrap();
    assert_eq!(script.complete(&asks("O MASĂ, vă rog")).await.unwrap().text, "{\"intent\":\"booking\"}");
    assert_eq!(script.complete(&asks("Open today?")).await.unwrap().text, "hours");
    assert!(matches!(script.complete(&asks("hm")).await, Err(Error::RateLimited(_))));
}

#[test]
fn a_wrong_script_names_the_rule_and_a_missing_model_the_models_there_are() {
    let error = scripted("[[models.default]]\nwhen = { contains = ['a'] }\n").unwrap_err().to_string();
    assert!(error.contains("rule 1 of default") && error.contains("reply"), "{error}");
    let error = scripted("[[models.other]]\notherwise = true\nreply = 'x'\n").unwrap_err().to_string();
    assert!(error.contains("no model default") && error.contains("other"), "{error}");
    let error = scripted("[[models.default]]\notherwise = true\nanswer = 'x'\n").unwrap_err().render(false);
    assert!(error.contains("answer"), "{error}");
    let error = scripted("[[models.defualt]]\notherwise = true\nreply = 'x'\n").unwrap_err().to_string();
    assert!(error.contains("did you mean `defualt`?"), "{error}");
}

#[test]
fn several_mistakes_of_a_script_are_told_at_once_each_with_its_line_and_a_caret() {
    let script = "[[models.default]]\nwhen = { matches = '(' }\nreply = 7\n\
                  [[models.default]]\notherwize = true\nerror = 'time-out'\ndelay = 'soon'\n\
                  [[models.other]]\nwhen = { contains = ['a'] }\notherwise = true\nreply = 'x'\nerror = 'timeout'\n";
    let error = scripted(script).unwrap_err();
    let told = error.render(false);
    for part in [
        "llm.toml:2:20]",
        "`matches` is no regular expression: unclosed group",
        "2 │ when = { matches = '(' }",
        "llm.toml:3:9]",
        "`reply` in [[models.default]] is a whole number",
        "llm.toml:4:1]",
        "rule 2 of default needs exactly one condition",
        "llm.toml:5:1]",
        "did you mean `otherwise`?",
        "llm.toml:6:9]",
        "there is no error `time-out`",
        "did you mean `timeout`?",
        "llm.toml:7:9]",
        "llm.toml:8:1]",
        "rule 1 of other needs exactly one condition",
        "rule 1 of other needs exactly one of `reply`, `reply-json` and `error`",
        "8 problems in",
    ] {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
    assert_eq!(told.matches("── here").count(), 8, "{told}");
    assert!(error.to_string().contains("llm.toml:2:20: ") && error.to_string().ends_with(", and 7 more"), "{error}");
}

#[test]
fn requests_that_no_provider_takes_are_refused_before_one_is_asked() {
    assert!(check(&Request { messages: Vec::new(), ..asks("x") }).is_err());
    assert!(check(&asks(&"x".repeat(300 << 10))).is_err());
    assert!(check(&Request { temperature: Some(f64::NAN), ..asks("x") }).is_err());
    assert!(check(&Request { response_schema: Some("[".to_owned()), ..asks("x") }).is_err());
    let large = json!({ "description": "x".repeat(65 << 10) }).to_string();
    assert!(check(&Request { response_schema: Some(large), ..asks("x") }).is_err());
    assert!(check(&asks("x")).is_ok());
}

#[test]
fn an_answer_that_breaks_its_schema_is_malformed_whoever_gave_it() {
    let schema =
        json!({ "type": "object", "properties": { "sure": { "maximum": 1 } }, "required": ["sure"] }).to_string();
    let said = |text: &str, finish_reason| Completion {
        text: text.to_owned(),
        finish_reason,
        input_tokens: 0,
        output_tokens: 0,
        model: String::new(),
    };
    let stop = FinishReason::Stop;
    assert_eq!(document(&said("```json\n{\"sure\":1}\n```", stop), &schema).unwrap(), "{\"sure\":1}");
    for text in ["{\"sure\":2}", "{}", "[]", "no", ""] {
        let error = document(&said(text, stop), &schema).unwrap_err();
        assert!(matches!(error, Error::MalformedAnswer(_)), "{text}: {error:?}");
    }
    let cut = document(&said("{\"su", FinishReason::Length), &schema).unwrap_err();
    assert!(matches!(&cut, Error::MalformedAnswer(why) if why.contains("limit of tokens")), "{cut:?}");
    let held = document(&said("", FinishReason::ContentFilter), &schema).unwrap_err();
    assert!(matches!(held, Error::Refused(_)), "{held:?}");
    let endless = json!({ "$ref": "#" }).to_string();
    assert!(matches!(document(&said("{}", stop), &endless), Err(Error::Invalid(_))));
}
