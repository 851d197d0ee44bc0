use super::program::Program;

#[test]
fn a_mistake_in_the_file_is_shown_with_line_column_and_caret() {
    let program = Program::new("[websocket]\nmax-conections = 5\n\n[server]\nlisten = 7\n");
    program.run(&["config"]).refused(&[
        "signalbox.toml:2:1",
        "max-conections = 5",
        "unknown key `websocket.max-conections`",
        "did you mean `max-connections`?",
        "signalbox.toml:5:10",
        "`server.listen`: invalid type: integer",
        "error[config_invalid]: the configuration has 2 problems",
        "docs/errors/config_invalid.md",
    ]);
}

#[test]
fn an_origin_that_can_never_match_is_refused_with_the_spelling_that_would() {
    for (section, written, right) in [
        ("websocket", "https://c.example.com/", "`https://c.example.com`"),
        ("api", "https://C.example.com:443", "`https://c.example.com`"),
        ("api", "c.example.com", "`https://c.example.com`"),
        ("websocket", "*", "list every origin"),
    ] {
        let text = format!("[{section}]\nallowed-origins = ['https://good.example.com', '{written}']\n");
        let ran = Program::new(&text).run(&["config"]);
        ran.refused(&["signalbox.toml:2", &format!("`{section}.allowed-origins"), &format!("`{written}`"), right]);
    }
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    let program = Program::new("");
    let ran = program.command(&["config"]).env("SIGNALBOX_WEBSOCKET__MAX_CONNECTIONS", "many").output().unwrap();
    super::program::Ran::from(ran).refused(&["environment variable SIGNALBOX_WEBSOCKET__MAX_CONNECTIONS", "many"]);
}

#[test]
fn the_effective_configuration_says_where_each_value_was_written() {
    let program = Program::new("[intake]\nack-after = '70ms'\n");
    let output = program
        .command(&["config", "--json", "--set", "intake.in-flight=9"])
        .env("SIGNALBOX_INTAKE__JSON_DEPTH", "8")
        .output()
        .unwrap();
    let settings = super::program::Ran::from(output).json();
    let find = |key: &str| {
        let all = settings.as_array().unwrap();
        all.iter().find(|setting| setting["section"] == "intake" && setting["key"] == key).unwrap().clone()
    };
    assert_eq!(find("ack-after")["value"], "70ms");
    assert_eq!(find("ack-after")["from"], "signalbox.toml:2");
    assert_eq!(find("json-depth")["value"], 8);
    assert_eq!(find("json-depth")["from"], "environment variable SIGNALBOX_INTAKE__JSON_DEPTH");
    assert_eq!(find("in-flight")["from"], "option --set intake.in-flight");
    assert_eq!(find("text-size")["from"], "default");
}

#[test]
fn serve_with_check_config_prints_the_same_and_ends() {
    let program = Program::new("[intake]\nack-after = '70ms'\n");
    let (config, serve) = (program.run(&["config"]), program.run(&["serve", "--check-config"]));
    assert_eq!(serve.code, 0);
    assert_eq!(config.out, serve.out);
    assert!(serve.out.contains("# signalbox.toml:2"), "{}", serve.out);
    let listening = program.run(&["serve", "--check-config", "--listen", "127.0.0.1:9"]).out;
    assert!(listening.contains("listen = \"127.0.0.1:9\""), "{listening}");
    assert!(listening.contains("# option --listen server.listen"), "{listening}");
}

#[test]
fn the_tables_are_printed_for_programs_and_for_a_shell() {
    let program = Program::new("[store]\ntable-prefix = 'try-'\n");
    let tables = program.run(&["tables"]).json();
    let names: Vec<_> =
        tables.as_array().unwrap().iter().map(|table| table["CreateTable"]["TableName"].as_str().unwrap()).collect();
    assert!(names.contains(&"try-decisions"), "{names:?}");
    let shell = program.run(&["tables", "--format", "aws-cli"]).out;
    assert_eq!(shell.matches("aws dynamodb create-table ").count(), names.len());
}

#[test]
fn a_variable_sets_the_operators_own_key_as_the_bundle_spells_it() {
    let program = Program::new("[llm.models.default]\nprovider = 'scripted'\nfile = 'a.toml'\n");
    let output = program
        .command(&["config", "--json"])
        .env("SIGNALBOX_WEBHOOKS__SECRETS__RESERVATIONS_WEBHOOK", "[{ env = 'HOOK' }]")
        .env("SIGNALBOX_LLM__MODELS__DEFAULT__FILE", "b.toml")
        .env("SIGNALBOX_SERVER_LISTEN", "127.0.0.1:9")
        .output()
        .unwrap();
    let ran = super::program::Ran::from(output);
    let said =
        "SIGNALBOX_SERVER_LISTEN sets nothing: between section and key stand two `_`, as in SIGNALBOX_SERVER__LISTEN";
    assert!(ran.err.contains(said), "{}", ran.err);
    let settings = ran.json();
    let find = |section: &str, key: &str| {
        let all = settings.as_array().unwrap();
        all.iter().find(|setting| setting["section"] == section && setting["key"] == key).cloned()
    };
    assert!(find("webhooks.secrets", "RESERVATIONS_WEBHOOK").is_some(), "{settings}");
    assert_eq!(find("llm.models.default", "file").unwrap()["value"], "b.toml");
    assert!(find("llm.models.DEFAULT", "file").is_none(), "{settings}");
}

#[test]
fn a_variable_that_could_mean_two_keys_is_refused() {
    let program = Program::new("[webhooks.secrets]\na-b = [{ env = 'X' }]\nA-b = [{ env = 'X' }]\n");
    let ran = program.command(&["config"]).env("SIGNALBOX_WEBHOOKS__SECRETS__A_B", "[{ env = 'Y' }]").output().unwrap();
    super::program::Ran::from(ran).refused(&["SIGNALBOX_WEBHOOKS__SECRETS__A_B could mean `A-b` or `a-b`"]);
}
