//! Reviewing from the command line, against a running host.

use serde_json::{Value, json};
use signalbox_model::{Outcome, Review, Timestamp};
use signalbox_store::{DecisionRecord, EffectState};

use super::decisions::{Open, record};
use super::program::{Program, Ran};
use super::serve::Host;

const CONFIGURATION: &str = "[server]\nlisten = '127.0.0.1:0'\nshutdown-delay = '0s'\n\
    [auth]\ndevelopment = true\nkeys = [{ algorithm = 'HS256', key = { file = 'secret' } }]\n";
const BUSINESS: &str = "businessId = 'roma'\nname = 'Roma'\ntype = 'restaurant'\n\
    [[locations]]\nid = 'bar'\nname = 'Bar'\n[[locations]]\nid = 'terrace'\nname = 'Terrace'\n\
    [permissions]\ncoordinator = ['message', 'review']\nguest = ['message']\n";

/// A decision that waits for a person, about a place.
fn waiting(id: &str, second: u32, place: &str) -> DecisionRecord {
    let mut record = record(id, second, &format!("about {id}\u{1b}[31m"));
    let created_at = record.decision.created_at;
    let expires_at = Timestamp::now() + jiff::SignedDuration::from_hours(1);
    record.decision.outcome = Outcome::ReviewPending;
    record.decision.location_id = Some(place.to_owned());
    record.output.requires_human_review = true;
    record.review = Some(Review { requested_at: created_at, expires_at: Some(expires_at), resolution: None });
    for effect in &mut record.effects {
        effect.state = EffectState::Withheld;
    }
    record
}

/// A host with three decisions that wait, `dec_2` at another place.
fn desk() -> (Program, Host) {
    let program = Program::new(CONFIGURATION);
    program.write("business/roma.toml", BUSINESS);
    let open = Open::new(&program);
    for (second, place) in [(1, "bar"), (2, "terrace"), (3, "bar")] {
        open.commit(&waiting(&format!("dec_{second}"), second, place));
    }
    drop(open);
    let host = Host::start(&program);
    (program, host)
}

fn review(program: &Program, host: &Host, access: &str, arguments: &[&str]) -> Ran {
    let token = program.run(&["token", "--user", "mara", "--business", access]).out;
    // The command accepts either address of the ready line.
    let url = if arguments.contains(&"--json") {
        format!("http://{}", host.address)
    } else {
        format!("ws://{}/ws", host.address)
    };
    let mut command = program.command(&["review"]);
    command.args(arguments).args(["--url", &url]).env("SIGNALBOX_TOKEN", token.trim()).output().unwrap().into()
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["decisionId"].as_str().unwrap()).collect()
}

#[test]
fn what_waits_is_listed_for_people_and_programs_the_longest_first() {
    let (program, host) = desk();
    let list = review(&program, &host, "roma", &["list", "--json"]).json();
    assert_eq!(ids(&list), ["dec_1", "dec_2", "dec_3"]);
    assert_eq!((&list[0]["locationId"], &list[0]["actions"][0]["target"]), (&json!("bar"), &json!("booking")));
    let table = review(&program, &host, "roma", &["list", "--limit", "2"]).out;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("CREATED") && lines[1].contains("dec_1") && lines[2].contains("dec_2"), "{table}");
    assert!(lines[1].contains("booking.confirmed") && lines[1].contains("bar"), "{table}");
    assert!(lines[3].contains("--limit"), "{table}");
    assert!(!table.contains('\u{1b}'), "what a guest wrote reaches the terminal as it is: {table}");
}

#[test]
fn who_sees_one_place_lists_its_decisions_and_who_may_not_review_is_told() {
    let (program, host) = desk();
    let list = review(&program, &host, "roma:coordinator@bar", &["list", "--business", "roma", "--json"]).json();
    assert_eq!(ids(&list), ["dec_1", "dec_3"]);
    review(&program, &host, "roma:guest", &["list"]).refused(&["reviews of roma", "permission_missing"]);
    review(&program, &host, "roma", &["list", "--business", "milano"]).refused(&["reviews of milano", "not_found"]);
}

#[test]
fn a_review_that_counted_leaves_the_list_and_the_story_says_who_and_how() {
    let (program, host) = desk();
    let ran = review(&program, &host, "roma", &["reject", "dec_1", "--note", "too dear"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert_eq!(ran.out, "rejected dec_1 (booking.confirmed) of roma: nothing of it leaves\n");
    assert_eq!(ids(&review(&program, &host, "roma", &["list", "--json"]).json()), ["dec_2", "dec_3"]);
    let story = program.run(&["decisions", "show", "dec_1"]).out;
    assert!(story.contains("rejected by mara") && story.contains("too dear"), "{story}");
    assert!(story.contains("over the API"), "{story}");
    let again = review(&program, &host, "roma", &["approve", "dec_1"]);
    again.refused(&["dec_1", "rejected by mara", "already_reviewed"]);
    let approved = review(&program, &host, "roma", &["approve", "dec_2"]);
    assert_eq!(approved.code, 0, "{}", approved.err);
    for told in
        ["approved: dec_2 (booking.confirmed) of roma", "resource_action on booking (act_dec_2)", "decisions show"]
    {
        assert!(approved.out.contains(told), "{told} is missing in\n{}", approved.out);
    }
    let json = review(&program, &host, "roma", &["approve", "dec_3", "--json"]).json();
    assert_eq!((&json["id"], &json["outcome"]), (&json!("dec_3"), &json!("approved")));
    assert_eq!(review(&program, &host, "roma", &["list"]).out, "nothing waits for a review\n");
}

#[test]
fn a_host_that_is_not_there_and_a_token_that_is_none_are_told() {
    let program = Program::new(CONFIGURATION);
    let list = |arguments: &[&str]| program.run(&[&["review", "list"], arguments].concat());
    list(&["--token", "x", "--business", "roma", "--url", "ws://127.0.0.1:9/ws"]).refused(&["is the host running?"]);
    list(&["--token", "x"]).refused(&["the token is no JWT"]);
    list(&["--token", ""]).refused(&["no token is given", "SIGNALBOX_TOKEN", "signalbox token --user"]);
    list(&["--token", "x", "--business", "roma", "--url", "over there"]).refused(&["`over there`"]);
}
