//! The data that nodes and handlers are given and return.

use signalbox_sdk::prelude::*;
use signalbox_sdk::{Entry, Reply, Response, ResponseTarget, RetryPolicy, Tick, WebhookRequest};

#[derive(Debug, Deserialize, PartialEq)]
struct Order {
    id: String,
    table: u32,
}

#[input_handler]
fn orders(event: Event) -> Result<Handled, Rejection> {
    match event {
        Event::Webhook(request) => {
            let order: Order = request.json()?;
            let input = NewInput::new(InputType::Webhook).id(&order.id).data(&json!({ "table": order.table }))?;
            Ok(Handled::new().input(input).reply_json(&json!({ "taken": order.id }))?)
        }
        Event::Kafka(entry) => match entry.json::<Order>()? {
            Some(order) => Ok(Handled::new().input(NewInput::new(InputType::ApiRequest).id(order.id))),
            None => Ok(Handled::new()),
        },
        Event::Cron(Tick { schedule, .. }) => Err(Rejection::Forbidden(format!("{schedule} is not expected"))),
        _ => Err(Rejection::Unavailable("later".to_owned())),
    }
}

fn hook(body: &str) -> Event {
    Event::Webhook(WebhookRequest {
        hook: "orders".to_owned(),
        delivery_id: "1".to_owned(),
        headers: vec![("x-shop".to_owned(), "north".to_owned())],
        body: body.as_bytes().to_vec(),
    })
}

#[test]
fn a_handler_turns_an_event_into_inputs_and_a_reply() {
    let handled = testing::handle(orders, hook(r#"{"id":"o1","table":7}"#)).unwrap();
    assert_eq!(handled.inputs[0].id.as_deref(), Some("o1"));
    assert_eq!(handled.inputs[0].content.data.as_ref().unwrap().get::<u32>("table"), Ok(Some(7)));
    let Some(Reply { content_type, body }) = handled.reply else { panic!("no reply") };
    assert_eq!((content_type.as_str(), body.as_slice()), ("application/json", br#"{"taken":"o1"}"#.as_slice()));
}

#[test]
fn a_malformed_event_is_invalid_and_says_where() {
    let rejection = testing::handle(orders, hook("{")).unwrap_err();
    assert!(matches!(&rejection, Rejection::Invalid(reason) if reason.contains("`body`")), "{rejection}");
}

#[test]
fn a_tombstone_needs_no_decision() {
    let entry = Entry {
        topic: "orders".to_owned(),
        partition: 0,
        offset: 1,
        key: None,
        headers: Vec::new(),
        value: None,
        timestamp: None,
    };
    assert_eq!(testing::handle(orders, Event::Kafka(entry)).unwrap(), Handled::new());
}

#[test]
fn headers_are_found_by_their_lower_case_name() {
    let Event::Webhook(request) = hook("") else { unreachable!() };
    assert_eq!(request.header("x-shop"), Some("north"));
    assert_eq!(request.header("X-Shop"), None);
}

#[decision_node]
fn everything(context: &Context) -> Result<Step, Failure> {
    let policy =
        RetryPolicy { max_attempts: 3, initial_interval: 100, backoff_factor: 2.0, max_interval: 1_000, jitter: true };
    let later = context.now()?.plus(std::time::Duration::from_secs(60));
    Ok(Step::new()
        .update("item", &context.item::<String>()?)?
        .respond(Response::text("hi").to("bob").via(ResponseTarget::Notification).locale("en"))
        .act(
            Action::call("https://example.com/", json!({ "a": 1 }))
                .priority(Priority::High)
                .execute_at(later)
                .retry(policy),
        )
        .goto("end")
        .decide(Verdict::new("a.b", "a").confidence(0.5).metadata(json!({ "k": 1 })).needs_review()))
}

#[test]
fn a_step_holds_everything_that_was_put_in() {
    let context = testing::context().now("2026-11-23T12:00:00.500Z").item(2, "soup").build();
    let step = testing::run(|context, ()| everything(context), &context, json!({})).unwrap();
    assert_eq!(step.updates, [("item".to_owned(), "\"soup\"".to_owned())]);
    assert_eq!(step.goto, ["end"]);
    assert_eq!(step.actions[0].execute_at.as_deref(), Some("2026-11-23T12:01:00.500Z"));
    assert_eq!(step.responses[0].recipient.as_deref(), Some("bob"));
    let verdict = step.decision.unwrap();
    assert!(verdict.requires_human_review && verdict.metadata.is_some());
}

#[test]
fn an_item_outside_of_a_for_each_is_a_mistake_of_the_bundle() {
    let failure = testing::run(|context, ()| everything(context), &testing::context().build(), json!({})).unwrap_err();
    assert!(matches!(&failure, Failure::Fatal(reason) if reason.contains("`for-each`")), "{failure}");
}

#[test]
fn a_places_setting_wins_over_the_businesss() {
    let context = testing::context()
        .settings(json!({ "hours": { "monday": "12-22", "friday": "12-23" }, "seats": "many" }))
        .location("north", "UTC", json!({ "hours": { "monday": "closed" } }))
        .build();
    assert_eq!(context.setting::<String>("hours.monday"), Ok(Some("closed".to_owned())));
    assert_eq!(context.setting::<String>("hours.friday"), Ok(Some("12-23".to_owned())));
    assert_eq!(context.setting::<String>("hours.sunday"), Ok(None));
    assert!(context.setting::<u32>("seats").unwrap_err().to_string().contains("`seats`"));
}

#[test]
fn permissions_and_words_are_easy_to_ask_for() {
    let context = testing::context().permissions(&["review"]).text("  hello ").build();
    assert!(context.may("review") && !context.may("message"));
    assert_eq!(context.text().unwrap(), "hello");
}
