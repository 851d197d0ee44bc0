//! Capabilities as plain calls: answers, typed errors, grants, effects.

use signalbox_sdk::cron::{Schedule, Timing};
use signalbox_sdk::http::Method;
use signalbox_sdk::prelude::*;
use signalbox_sdk::testing::{Effect, Host};
use signalbox_sdk::websocket::Audience;

#[derive(Debug, Deserialize, PartialEq)]
struct Table {
    seats: u32,
}

#[test]
fn errors_that_may_pass_are_retried_and_others_are_not() {
    let retried: [Failure; 6] = [
        dynamodb::Error::Timeout.into(),
        dynamodb::Error::ConditionFailed.into(),
        http::Error::Unavailable("reset".into()).into(),
        llm::Error::RateLimited(Some(200)).into(),
        resources::Error::Timeout.into(),
        rag::Error::Unavailable("down".into()).into(),
    ];
    for failure in retried {
        assert!(matches!(failure, Failure::Retry(_)), "{failure}");
    }
    let fatal: [Failure; 6] = [
        dynamodb::Error::NotConfigured.into(),
        http::Error::Denied("private address".into()).into(),
        llm::Error::QuotaExhausted.into(),
        resources::Error::Refused("taken".into()).into(),
        kafka::Error::Denied("orders".into()).into(),
        cron::Error::Invalid("61 * * * *".into()).into(),
    ];
    for failure in fatal {
        assert!(matches!(failure, Failure::Fatal(_)), "{failure}");
    }
}

#[test]
fn a_failure_names_its_capability_and_the_reason() {
    let failure = Failure::from(http::Error::Denied("10.0.0.1 is private".into()));
    assert_eq!(failure.to_string(), "http: the request is not allowed: 10.0.0.1 is private");
}

#[test]
fn what_is_not_configured_says_so() {
    Host::new().enter(|| {
        assert_eq!(llm::Request::new("default").user("hi").ask().unwrap_err(), llm::Error::NotConfigured);
        assert!(business::get_info().is_err(), "no node is running, so there is no business");
        assert_eq!(config::get::<u32>("anything"), Ok(None));
    });
}

#[test]
fn answers_of_the_model_come_in_order_and_the_last_one_stays() {
    Host::new().llm_answer("one").llm_error(llm::Error::Timeout).llm_answer("two").enter(|| {
        let ask = || llm::Request::new("default").user("hi").ask().map(|completion| completion.text);
        assert_eq!(ask().as_deref(), Ok("one"));
        assert_eq!(ask(), Err(llm::Error::Timeout));
        assert_eq!(ask().as_deref(), Ok("two"));
        assert_eq!(ask().as_deref(), Ok("two"));
    });
}

#[test]
fn an_answer_of_another_shape_is_malformed() {
    for answer in ["no json", r#"{"seats":"many"}"#, "{}"] {
        Host::new().llm_answer(answer).enter(|| {
            let error = llm::Request::new("default").user("hi").ask_json::<Table>(&json!({})).unwrap_err();
            assert!(matches!(error, llm::Error::MalformedAnswer(_)), "{answer}: {error}");
        });
    }
}

#[test]
fn the_first_grant_makes_the_host_strict() {
    let host = Host::new().llm_answer("hi").grant("llm", "small").grant("websocket", "send");
    host.enter(|| {
        assert!(llm::Request::new("small").user("hi").ask().is_ok());
        assert!(matches!(llm::Request::new("large").user("hi").ask(), Err(llm::Error::Denied(_))));
        assert!(websocket::send("ana", &json!({ "a": 1 })).is_ok());
        assert!(matches!(websocket::broadcast(&Audience::everyone(), &json!({})), Err(websocket::Error::Denied(_))));
        assert!(matches!(resources::get::<Table>("table", "7"), Err(resources::Error::Denied(_))));
    });
}

#[test]
fn effects_are_recorded_and_nothing_else_happens() {
    let host = Host::new();
    host.enter(|| {
        kafka::Record::json("orders", &json!({ "id": 1 })).unwrap().key("t7").header("kind", "new").publish().unwrap();
        websocket::broadcast(&Audience::with_permission("review").at("north"), &json!({ "kind": "x" })).unwrap();
        let schedule = Schedule::expression("daily", "0 8 * * *").timezone("UTC").payload(&json!({ "n": 1 })).unwrap();
        cron::schedule(schedule).unwrap();
        cron::cancel("weekly").unwrap();
        assert_eq!(cron::status("daily").unwrap(), None, "an effect is not in force yet");
    });
    let effects = host.effects();
    assert_eq!(effects.len(), 4);
    assert!(matches!(&effects[0], Effect::Kafka { topic, key: Some(key), .. } if topic == "orders" && key == "t7"));
    assert!(matches!(&effects[2], Effect::Schedule { timing: Timing::Expression(text), .. } if text == "0 8 * * *"));
    assert!(matches!(&effects[3], Effect::Cancel { name } if name == "weekly"));
}

#[test]
fn content_that_is_no_object_is_refused() {
    Host::new().enter(|| {
        assert!(matches!(websocket::send("ana", "just words"), Err(websocket::Error::Invalid(_))));
    });
}

#[test]
fn resources_are_read_found_and_acted_on_under_their_version() {
    let host =
        Host::new().resource("table", "7", &json!({ "seats": 4 })).resource("table", "8", &json!({ "seats": 2 }));
    host.enter(|| {
        let table = resources::get::<Table>("table", "7").unwrap().unwrap();
        assert_eq!(table.attributes.seats, 4);
        let small = resources::Filter::new().equals("seats", &2).unwrap();
        assert_eq!(resources::find::<Table>("table", small).unwrap()[0].id, "8");
        let act = |version| {
            resources::execute_action::<_, Table>("table", "7", "resize", &json!({ "seats": 6 }), Some(version))
        };
        assert_eq!(act(1).unwrap().attributes.seats, 6);
        assert!(matches!(act(1), Err(resources::Error::Conflict(_))));
    });
}

#[test]
fn http_answers_what_the_test_gave_and_any_status_is_an_answer() {
    let host = Host::new().http_response(Method::Post, "https://example.com/orders", 409, r#"{"seats":4}"#);
    host.enter(|| {
        let request = http::Request::post("https://example.com/orders").json(&json!({ "id": 1 })).unwrap();
        let response = request.send().unwrap();
        assert_eq!((response.status, response.json::<Table>().unwrap()), (409, Table { seats: 4 }));
        assert!(http::Request::get("https://example.com/orders").send().is_err(), "the method counts too");
    });
}

#[test]
fn message_models_are_chosen_by_language() {
    let host = Host::new()
        .message_model("hi", Some("ro"), "Salut", &[])
        .message_model("hi", Some("en"), "Hello", &[])
        .message_model("bye", None, "X", &[]);
    host.enter(|| {
        let words =
            |code, locale| rag::get_message_model(code, None, locale).unwrap().map(|model| model.message_template);
        assert_eq!(words("hi", Some("en-GB")).as_deref(), Some("Hello"));
        assert_eq!(words("bye", Some("en")).as_deref(), Some("X"));
        assert_eq!(words("none", None), None);
        assert_eq!(rag::list_message_model_versions("hi").unwrap().len(), 2);
    });
}

#[test]
fn past_decisions_are_found_by_code_newest_first() {
    let host = Host::new()
        .past_decision("a.b", "approved", 0.5)
        .past_decision("a.c", "approved", 0.6)
        .past_decision("a.b", "rejected", 0.7);
    host.enter(|| {
        let past = rag::find_similar_decisions("a.b", 10).unwrap();
        assert_eq!(past.iter().map(|past| past.outcome.as_str()).collect::<Vec<_>>(), ["rejected", "approved"]);
        assert_eq!(rag::find_similar_decisions("a.b", 1).unwrap().len(), 1);
        assert!(rag::find_similar_decisions("a.b", 21).is_err());
        assert_eq!(rag::get_context("a.b").unwrap().similar_decisions.len(), 2);
    });
}

#[test]
fn an_injected_error_comes_once_and_before_everything_else() {
    let host = Host::new().rag_error(rag::Error::Unavailable("down".into()));
    host.enter(|| {
        assert!(rag::get_message_model("a", None, None).is_err());
        assert!(rag::get_message_model("a", None, None).is_ok());
    });
    assert_eq!(host.calls().len(), 2);
}

#[test]
fn log_lines_keep_level_and_fields() {
    let host = Host::new();
    host.enter(|| {
        let seats = 4;
        warn!(seats = seats, table = "7", "only {seats} seats, {}", "sorry");
        debug!("plain");
    });
    let lines = host.log_lines();
    assert_eq!(lines[0].message, "only 4 seats, sorry");
    assert_eq!(lines[0].fields, [("seats".to_owned(), "4".to_owned()), ("table".to_owned(), "7".to_owned())]);
    assert_eq!(lines[1].level, signalbox_sdk::log::Level::Debug);
}
