use serde_json::Value;

use super::program::{MANIFEST, Program};

fn repository(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_of_toml(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap()
}

#[test]
fn the_schemas_in_the_repository_are_those_that_the_program_prints() {
    let program = Program::new("");
    for of in ["bundle", "configuration", "business"] {
        let ran = program.run(&["schema", of]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let kept = repository(&format!("docs/schemas/{of}.json"));
        assert!(kept == ran.out, "write it anew: signalbox schema {of} > docs/schemas/{of}.json");
        jsonschema::meta::validate(&serde_json::from_str(&ran.out).unwrap()).unwrap();
    }
}

#[test]
fn a_schema_takes_what_is_right_and_marks_what_is_not() {
    let program = Program::new("");
    let validator = |of: &str| {
        let schema: Value = serde_json::from_str(&program.run(&["schema", of]).out).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    };
    let told = |validator: &jsonschema::Validator, text: &str| -> Vec<String> {
        validator.iter_errors(&json_of_toml(text)).map(|error| error.to_string()).collect()
    };
    let bundle = validator("bundle");
    for sound in
        ["plugins/restaurant/bundle.toml", "plugins/clinic/bundle.toml", "tests/probes/bundles/failures/bundle.toml"]
    {
        assert_eq!(told(&bundle, &repository(sound)), Vec::<String>::new(), "{sound}");
    }
    for (right, wrong) in [
        ("reads = [", "raeds = ["),
        ("intent = \"last\"", "intent = \"newest\""),
        ("otherwise = true", "otherwise = true\nwhen = \"true\""),
        ("component = \"answer.wasm\"", "component = \"answer.wasm\"\nlimits = { time = \"fast\" }"),
    ] {
        assert!(MANIFEST.contains(right));
        assert!(!told(&bundle, &MANIFEST.replace(right, wrong)).is_empty(), "{wrong}");
    }
    let business = validator("business");
    for sound in ["plugins/restaurant/business/trattoria-roma.toml", "plugins/clinic/business/harbour-practice.toml"] {
        assert_eq!(told(&business, &repository(sound)), Vec::<String>::new(), "{sound}");
    }
    assert!(!told(&business, "businessId = \"roma\"\nnam = \"Roma\"\n").is_empty());
    let configuration = validator("configuration");
    let sound = "[server]\nlisten = \"127.0.0.1:8080\"\n[auth]\nkeys = [{ algorithm = \"HS256\", key = { file = \"secret\" } }]\n\
                 [llm.models.default]\nprovider = \"openai\"\nbase-url = \"https://models.example/v1\"\nmodel = \"m\"\n\
                 [websocket]\nping-interval = \"25s\"\nmessage-size = \"64KiB\"\n";
    assert_eq!(told(&configuration, sound), Vec::<String>::new());
    assert!(!told(&configuration, "[server]\nlisen = \"127.0.0.1:8080\"\n").is_empty());
    assert!(!told(&configuration, "[store]\nbackend = \"postgres\"\n").is_empty());
}

#[test]
fn an_example_bundle_lists_every_message_model_that_it_has() {
    for bundle in ["restaurant", "clinic"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(bundle).join("models");
        let manifest = json_of_toml(&repository(&format!("plugins/{bundle}/bundle.toml")));
        let listed: Vec<&str> = manifest["plugins"]
            .as_object()
            .unwrap()
            .values()
            .filter_map(|plugin| plugin["templates"].as_array())
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for code in text.lines().filter_map(|line| line.strip_prefix("decisionCode = \"")?.strip_suffix('"')) {
                assert!(listed.contains(&code), "add {code} to the `templates` of the plugin that answers in {bundle}");
            }
        }
    }
}
