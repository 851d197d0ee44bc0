use super::*;
use signalbox_sdk::testing::Host;

fn facts(text: &str, intent: &str, settings: Value) -> Facts {
    let context = testing::context()
        .text(text)
        .local_now("2026-11-25T15:30:00+02:00")
        .settings(settings)
        .location("pipera", "Europe/Bucharest", json!({ "phone": "2" }))
        .build();
    let step = Host::new().run(lookup, &context, json!({ "intent": intent, "language": "en" })).unwrap();
    serde_json::from_str(&step.updates[0].1).unwrap()
}

#[test]
fn a_place_answers_with_its_own_phone_and_the_businesss_address() {
    let facts = facts("where are you", "contact", json!({ "phone": "1", "address": "Main street" }));
    assert_eq!(facts.phone.as_deref(), Some("2"));
    assert_eq!(facts.address.as_deref(), Some("Main street"));
    assert_eq!((facts.hours, facts.menu), (None, None), "nothing is looked up that was not asked for");
}

#[test]
fn the_week_starts_today_and_knows_whether_it_is_open() {
    let hours =
        facts("when are you open", "hours", json!({ "hours": { "wednesday": ["12:00-16:00"] } })).hours.unwrap();
    assert_eq!(hours.week.len(), 7);
    assert_eq!(
        (hours.week[0].name.as_str(), hours.week[0].windows.as_slice()),
        ("Wednesday, 25 November", ["12:00–16:00".to_owned()].as_slice())
    );
    assert_eq!((hours.open_now, hours.changes_at.as_deref()), (true, Some("16:00")));
    assert_eq!(hours.day, None);
}

#[test]
fn a_long_menu_is_cut_but_counted() {
    let dish = |number: u32| json!({ "name": { "ro": format!("Felul {number}") }, "price": 10.5, "category": "main" });
    let menu: Vec<Value> = (0..30).map(dish).collect();
    let menu = facts("what is there to eat", "menu", json!({ "menu": menu, "currency": "RON" })).menu.unwrap();
    assert_eq!((menu.dishes.len(), menu.total, menu.restricted), (12, 30, false));
    assert_eq!(menu.dishes[0].price, "10.5 RON");
}

#[test]
fn malformed_settings_name_their_place() {
    let context = testing::context().text("open?").settings(json!({ "hours": { "monday": ["12-23"] } })).build();
    let failure = testing::run(lookup, &context, json!({ "intent": "hours", "language": "en" })).unwrap_err();
    assert!(failure.to_string().contains("`hours.monday[0]`") && failure.to_string().contains("`12-23`"), "{failure}");
}
