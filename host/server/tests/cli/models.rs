//! Message models from the command line, beside a process that has the store open.

use std::io::Write as _;
use std::process::Stdio;

use jiff::Timestamp;
use serde_json::{Value, json};
use signalbox_model::MessageModel;

use super::decisions::Open;
use super::program::{Program, Ran};

const BUSINESS: &str = "businessId = 'roma'\nname = 'Roma'\ntype = 'restaurant'\nlocale = 'ro'\n\
    [[locations]]\nid = 'bar'\nname = 'Bar'\n";

const MODELS: &str = r#"
[[models]]
decisionCode = "booking.confirmed"
version = "1"
locale = "ro"
parameters = ["name", "guests"]
messageTemplate = "Vă așteptăm, {{ name }}: {{ guests }} persoane."

[[models]]
decisionCode = "booking.confirmed"
version = "1"
locale = "en"
parameters = ["name"]
messageTemplate = "See you, {{ name }}."

[[models]]
decisionCode = "booking.confirmed"
version = "1"
locale = "en"
locationContext = "bar"
parameters = ["name"]
messageTemplate = "See you at the bar, {{ name }}."

[[models]]
decisionCode = "chat.hello"
version = "1.9"
messageTemplate = "Hello."

[[models]]
decisionCode = "chat.hello"
version = "1.10"
messageTemplate = "Hello there."
"#;

/// A program whose store another process, this one, has open.
fn desk() -> (Program, Open) {
    let program = Program::new("");
    program.write("business/roma.toml", BUSINESS);
    let open = Open::new(&program);
    (program, open)
}

fn import(program: &Program, arguments: &[&str]) -> Ran {
    program.run(&[&["models", "import"], arguments].concat())
}

fn stored(program: &Program) -> Vec<MessageModel> {
    serde_json::from_value(program.run(&["models", "list", "--json"]).json()).unwrap()
}

fn render(program: &Program, arguments: &[&str]) -> Ran {
    program.run(&[&["models", "render", "booking.confirmed", "--business", "roma"], arguments].concat())
}

#[test]
fn what_is_imported_is_new_once_and_unchanged_afterwards() {
    let (program, _open) = desk();
    program.write("models.toml", MODELS);
    let ran = import(&program, &["models.toml", "--business-type", "restaurant"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("new        booking.confirmed 1, in ro, for type restaurant"), "{}", ran.out);
    assert!(ran.out.ends_with("5 new, 0 unchanged, 0 replaced\n") && ran.err.is_empty(), "{}{}", ran.out, ran.err);
    let models = stored(&program);
    let names: Vec<_> = models.iter().map(|model| (model.decision_code.as_str(), model.version.as_str())).collect();
    let booking = ("booking.confirmed", "1");
    assert_eq!(names, [booking, booking, booking, ("chat.hello", "1.10"), ("chat.hello", "1.9")]);
    assert!(models.iter().all(|model| model.business_type.as_deref() == Some("restaurant")), "{models:?}");
    let again = import(&program, &["models.toml", "--business-type", "restaurant", "--json"]).json();
    assert_eq!(again["dryRun"], false);
    assert!(again["models"].as_array().unwrap().iter().all(|model| model["became"] == "unchanged"), "{again}");
}

#[test]
fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let (program, _open) = desk();
    program.write("models.toml", MODELS);
    let ran = import(&program, &["models.toml", "--dry-run"]);
    assert!(ran.out.contains("5 new") && ran.out.contains("nothing was written"), "{}", ran.out);
    assert!(stored(&program).is_empty());
    assert!(program.run(&["models", "list"]).out.contains("no message models"));
}

#[test]
fn other_words_under_a_stored_version_are_refused_whole_unless_they_may_replace() {
    let (program, _open) = desk();
    program.write("models.toml", MODELS);
    import(&program, &["models.toml"]);
    let other = MODELS.replace("See you, ", "We expect you, ").replace("\"1.10\"", "\"1.11\"");
    program.write("other.toml", &other);
    import(&program, &["other.toml"]).refused(&[
        "other.toml:9: booking.confirmed 1, in en, is stored with other words",
        "--replace",
        "nothing was imported, because of 1 problem",
    ]);
    assert_eq!(stored(&program).len(), 5, "1.11 is not stored either");
    let ran = import(&program, &["other.toml", "--replace"]);
    assert!(ran.out.ends_with("1 new, 3 unchanged, 1 replaced\n"), "{}\n{}", ran.out, ran.err);
    let english = program.run(&["models", "list", "--locale", "en", "--json"]).json();
    assert_eq!(english[0]["messageTemplate"], "We expect you, {{ name }}.", "{english}");
}

#[test]
fn everything_wrong_in_all_files_is_told_with_file_and_line_and_nothing_is_written() {
    let (program, _open) = desk();
    program.write("good.toml", MODELS);
    program
        .write("bad.toml", &MODELS.replace("version = \"1.9\"", "version = \"new\"").replace("See you,", "{% if %}"));
    program.write("bad.json", "[\n{\"decisionCode\": \"a\", \"version\": \"1\",\n \"locale\": \"ro_RO\",\n \"messageTemplate\": \"{{ who }}\"}\n]");
    program.write("broken.json", "{\n\"decisionCode\": \n}");
    program.write("huge.toml", &"#".repeat((1 << 20) + 1));
    program.write("again.toml", MODELS);
    let files =
        ["good.toml", "bad.toml", "bad.json", "broken.json", "huge.toml", "again.toml", "words.txt", "none.toml"];
    import(&program, &files).refused(&[
        "bad.toml:14:",
        "the template: syntax error",
        "bad.toml:26:11]",
        "`version` has to be numbers",
        "version = \"new\"",
        "bad.json:3:12]",
        "`locale` `ro_RO` is no language tag",
        "bad.json:4:21]",
        "the template: the template uses `who`",
        "broken.json:3:1]",
        "this is not JSON: expected value",
        "huge.toml: it has more than 1048576 bytes",
        "again.toml:2: booking.confirmed 1 was read from good.toml:2 already",
        "words.txt: name it .toml or .json",
        "none.toml: cannot be opened",
    ]);
    assert!(stored(&program).is_empty());
}

#[test]
fn standard_input_is_read_as_json_or_toml_and_what_list_prints_comes_back_unchanged() {
    let (program, _open) = desk();
    let feed = |text: &str, arguments: &[&str]| -> Ran {
        let mut command = program.command(&[&["models", "import", "-"], arguments].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    };
    let ran = feed(MODELS, &[]);
    assert!(ran.out.ends_with("5 new, 0 unchanged, 0 replaced\n"), "{}\n{}", ran.out, ran.err);
    let printed = program.run(&["models", "list", "--json"]).out;
    let ran = feed(&printed, &[]);
    assert!(ran.out.ends_with("0 new, 5 unchanged, 0 replaced\n"), "{}\n{}", ran.out, ran.err);
    feed("{\n\"version\": 1}", &[]).refused(&["standard input:2:12]", "`version` has to be a text"]);
    feed("[]", &[]).refused(&["no message model"]);
}

#[test]
fn types_and_places_that_no_business_has_are_noted() {
    let (program, _open) = desk();
    program.write("models.toml", &MODELS.replace("\"bar\"", "\"baar\""));
    let ran = import(&program, &["models.toml", "--business-type", "restorant"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("models.toml:2: no business is of type restorant"), "{}", ran.err);
    assert!(ran.err.contains("models.toml:16: no business has the place baar"), "{}", ran.err);
}

#[test]
fn models_are_listed_by_code_type_and_language_and_shown_with_their_use() {
    let (program, open) = desk();
    program.write("models.toml", MODELS);
    import(&program, &["models.toml", "--business-type", "restaurant"]);
    let used = &stored(&program)[1];
    open.count_usage(used, 3, Timestamp::now());
    let list = |arguments: &[&str]| program.run(&[&["models", "list", "--json"], arguments].concat()).json();
    let count = |list: &Value| list.as_array().unwrap().len();
    assert_eq!(count(&list(&["--code", "chat.hello"])), 2);
    assert_eq!(count(&list(&["--locale", "EN"])), 2);
    assert_eq!(count(&list(&["--business-type", "clinic"])), 0);
    assert_eq!(count(&list(&["--business-type", "restaurant", "--code", "booking.confirmed"])), 3);
    let table = program.run(&["models", "list"]).out;
    assert!(table.starts_with("CODE") && table.contains("Vă așteptăm") && table.contains("bar"), "{table}");

    let shown = program.run(&["models", "show", "booking.confirmed"]).out;
    for part in ["in ro, for type restaurant", "name, guests", "used        3 times, last at ", "{{ guests }} persoane"]
    {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
    let shown = program.run(&["models", "show", "chat.hello", "--version", "1.9", "--json"]).json();
    assert_eq!((count(&shown), &shown[0]["messageTemplate"]), (1, &json!("Hello.")));
    program.run(&["models", "show", "chat.hello", "--version", "2"]).refused(&["no version 2", "1.10, 1.9"]);
    program.run(&["models", "show", "chat.bye"]).refused(&["no message model for chat.bye", "models list"]);
}

#[test]
fn a_message_is_rendered_from_the_nearest_model_and_why_it_was_chosen_is_told() {
    let (program, _open) = desk();
    program.write("models.toml", MODELS);
    import(&program, &["models.toml", "--business-type", "restaurant"]);
    let ran = render(&program, &["--data", r#"{"name": "Ana", "guests": 4}"#]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "Vă așteptăm, Ana: 4 persoane.\n"), "{}", ran.err);
    assert!(
        ran.err.contains("chosen: for every place, in ro, as wanted, for businesses of type restaurant"),
        "{}",
        ran.err
    );
    program.write("data.json", r#"{"name": "Ana"}"#);
    let ran = render(&program, &["--data", "@data.json", "--locale", "en-GB", "--location", "bar", "--json"]).json();
    assert_eq!(ran["text"], "See you at the bar, Ana.");
    assert_eq!(ran["model"]["locationContext"], "bar");
    assert!(ran["why"].as_str().unwrap().contains("in en, the language of en-GB"), "{ran}");
    let hello = program.run(&["models", "render", "chat.hello", "--business", "roma"]);
    assert_eq!(hello.out, "Hello there.\n", "1.10 is newer than 1.9");
    let older = program.run(&["models", "render", "chat.hello", "--business", "roma", "--version", "1.9"]);
    assert!(older.out == "Hello.\n" && older.err.contains("version 1.9, as asked for"), "{}{}", older.out, older.err);
    assert!(stored(&program).iter().all(|model| model.usage_count == 0), "a try is no use");
}

#[test]
fn what_cannot_be_rendered_says_why() {
    let (program, _open) = desk();
    program.write("models.toml", MODELS);
    import(&program, &["models.toml", "--business-type", "restaurant"]);
    render(&program, &["--data", r#"{"name": "Ana"}"#])
        .refused(&["booking.confirmed 1", "the parameter `guests` is missing"]);
    render(&program, &["--data", "[]"]).refused(&["--data is no JSON object"]);
    render(&program, &["--location", "cellar"]).refused(&["roma has no place cellar"]);
    render(&program, &["--locale", "ro_RO"]).refused(&["`ro_RO` is no language tag"]);
    render(&program, &["--version", "7"])
        .refused(&["none of the 3 message models for booking.confirmed fits roma in ro"]);
    let unknown = program.run(&["models", "render", "chat.goodbye", "--business", "roma"]);
    unknown.refused(&["there is no message model for chat.goodbye"]);
    let nowhere = program.run(&["models", "render", "chat.hello", "--business", "milano"]);
    nowhere.refused(&["no business milano", "roma"]);
    let endless = "decisionCode = \"spin\"\nversion = \"1\"\nmessageTemplate = \
        \"{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}\"\n";
    program.write("endless.toml", endless);
    import(&program, &["endless.toml"]);
    program.run(&["models", "render", "spin", "--business", "roma"]).refused(&["spin 1", "too much work"]);
}

#[test]
fn a_template_that_uses_what_there_is_not_is_not_imported() {
    let (program, _open) = desk();
    program.write("bad.toml", &MODELS.replace("{{ name }}", "{{ name | titel }} {{ name.upper() }}"));
    import(&program, &["bad.toml"]).refused(&[
        "there is no filter `titel`; did you mean `title`?",
        "there is no method `upper`; there is a filter of that name",
        "nothing was imported",
    ]);
    assert!(stored(&program).is_empty());
}

#[test]
fn models_that_nobody_brings_any_more_are_taken_away_by_version_and_type() {
    let (program, _open) = desk();
    program.write("models.toml", MODELS);
    import(&program, &["models.toml", "--business-type", "restaurant"]);
    import(&program, &["models.toml", "--business-type", "clinic"]);
    let remove = |arguments: &[&str]| program.run(&[&["models", "remove", "chat.hello"], arguments].concat());
    let count = || stored(&program).iter().filter(|model| model.decision_code == "chat.hello").count();
    assert_eq!(count(), 4);
    let tried = remove(&["--version", "1.9", "--business-type", "clinic", "--dry-run"]);
    assert!(tried.out.starts_with("would remove  chat.hello 1.9") && count() == 4, "{}", tried.out);
    let ran = remove(&["--version", "1.9", "--business-type", "clinic"]);
    assert!(ran.out.starts_with("removed  chat.hello 1.9") && ran.out.lines().count() == 1, "{}{}", ran.out, ran.err);
    let left = stored(&program);
    assert!(!left.iter().any(|model| model.version == "1.9" && model.business_type.as_deref() == Some("clinic")));
    assert_eq!(count(), 3, "the other type's and the other version stay");
    remove(&["--version", "1.9", "--business-type", "clinic"]).refused(&["no such message model", "models show"]);
    assert_eq!(import(&program, &["models.toml", "--business-type", "clinic", "--json"]).code, 0);
    assert_eq!(count(), 4, "it can be stored again");
}

#[test]
fn a_version_is_stored_in_one_spelling_and_found_in_every_other() {
    let (program, open) = desk();
    program.write("models.toml", &MODELS.replace("\"1\"", "\"1.0\"").replace("\"1.10\"", "\"01.10.0\""));
    let ran = import(&program, &["models.toml"]);
    assert!(ran.out.contains("booking.confirmed 1, in ro") && ran.out.contains("chat.hello 1.10,"), "{}", ran.out);
    program.write("again.toml", MODELS);
    assert!(import(&program, &["again.toml"]).out.ends_with("0 new, 5 unchanged, 0 replaced\n"));
    let shown = program.run(&["models", "show", "chat.hello", "--version", "1.10.0"]).out;
    assert!(shown.starts_with("chat.hello 1.10,"), "{shown}");

    // The model that an earlier release has stored is unchanged, and the one that is written today wins over it.
    let old = MessageModel { version: "2.0".to_owned(), ..stored(&program).pop().unwrap() };
    open.store_model(&old);
    let hello = || program.run(&["models", "render", "chat.hello", "--business", "roma"]);
    assert!(hello().err.contains("version 2.0"), "{}", hello().err);
    let newer = "decisionCode = \"chat.hello\"\nversion = \"2\"\nmessageTemplate = \"Two.\"\n";
    program.write("newer.toml", newer);
    import(&program, &["newer.toml"]).refused(&["chat.hello 2, for all, is stored with other words"]);
    let ran = import(&program, &["newer.toml", "--replace"]);
    assert!(ran.out.ends_with("1 new, 0 unchanged, 0 replaced\n"), "{}{}", ran.out, ran.err);
    assert_eq!(hello().out, "Two.\n");
    let removed = program.run(&["models", "remove", "chat.hello", "--version", "2.0"]);
    assert_eq!(removed.out, "removed  chat.hello 2.0, for all\n", "the one that is spelled so, and no other");
    assert_eq!(hello().out, "Two.\n");
}

#[test]
fn what_is_doubtful_is_warned_of_and_imported() {
    let (program, _open) = desk();
    program.write(
        "models.json",
        r#"[{"decisionCode": "a", "version": "1", "parameters": ["x"], "messageTemplate": "hi"}]"#,
    );
    let ran = import(&program, &["models.json"]);
    assert!(ran.out.ends_with("1 new, 0 unchanged, 0 replaced\n"), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("models.json:1:"), "{}", ran.err);
    assert!(ran.err.contains("⚠ the template does not use the parameter `x`"), "{}", ran.err);
    assert!(ran.err.contains("(`a` 1)"), "{}", ran.err);
}
