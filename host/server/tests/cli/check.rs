use serde_json::Value;

use super::program::{MANIFEST, Program};

/// Five mistakes of five kinds, each with its line.
fn broken() -> (String, [(usize, &'static str); 5]) {
    let text = MANIFEST
        .replace("[inputs.websocket]", "[inputs.websocket]\nhandlr = \"answer\"")
        .replace("component = \"answer.wasm\"", "component = \"answer.wasm\"\nlimits = { time = \"fast\" }")
        .replace("intent = \"last\"", "intent = \"newest\"")
        .replace("reads = [\"intent\"]", "reads = [\"intnt\"]")
        .replace("from = \"reply\"\nto = \"end\"", "from = \"reply\"\nto = \"finish\"");
    let place = |wanted: &str| text.lines().position(|line| line.contains(wanted)).unwrap() + 1;
    let lines = [
        (place("handlr"), "handlr"),
        (place("fast"), "fast"),
        (place("newest"), "newest"),
        (place("intnt"), "intnt"),
        (place("finish"), "finish"),
    ];
    (text, lines)
}

#[test]
fn five_mistakes_are_reported_at_once_with_their_lines() {
    let program = Program::new("");
    let (text, lines) = broken();
    program.write("bundle/bundle.toml", &text);
    let ran = program.run(&["check", "bundle"]);
    ran.refused(&["error[bundle_invalid]"]);
    for (line, word) in lines {
        let place = format!("bundle.toml:{line}:");
        assert!(ran.err.contains(&place), "{place} ({word}) is missing in\n{}", ran.err);
        assert!(ran.err.contains(word), "{word} is missing in\n{}", ran.err);
    }
}

#[test]
fn a_bundle_that_would_keep_check_busy_is_refused_in_words() {
    let program = Program::new("");
    let condition = r#"'state.intent == "x" && "b".matches("(\\pL{1,30}){1,5}\\pN$")'"#;
    let pattern = MANIFEST
        .replace("from = \"reply\"\nto = \"end\"", &format!("from = \"reply\"\nto = \"end\"\nwhen = {condition}"));
    assert_ne!(pattern, MANIFEST);
    for (text, why) in [
        ("x=[".repeat(100_000), "nest deeper than 64 levels"),
        ("x=[\n".repeat(100_000), "nest deeper than 64 levels"),
        ("=\n".repeat(40_000), "there are more problems than are told here"),
        (pattern, "the pattern compiles to more than 128 KiB"),
    ] {
        program.write("bundle/bundle.toml", &text);
        let ran = program.run(&["check", "bundle"]);
        ran.refused(&["error[bundle_invalid]"]);
        assert!(ran.err.contains(why), "{why} is missing in\n{:.4000}", ran.err);
    }
}

#[test]
fn a_program_gets_the_same_mistakes_as_json() {
    let program = Program::new("");
    let (text, lines) = broken();
    program.write("bundle/bundle.toml", &text);
    let ran = program.run(&["check", "bundle", "--json"]);
    assert_eq!(ran.code, 1);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["ok"], false);
    let problems = report["problems"].as_array().unwrap();
    for (line, word) in lines {
        assert!(
            problems.iter().any(|problem| problem["line"] == line),
            "{word} in line {line} is missing: {problems:?}"
        );
    }
}

#[test]
fn a_message_model_and_a_missing_component_are_reported_together() {
    let program = Program::new("");
    program.write("bundle/bundle.toml", MANIFEST);
    program
        .write("bundle/models/reply.toml", "decisionCode = \"reply\"\nversion = \"1\"\nmessageTemplate = \"{{ x\"\n");
    program.run(&["check", "bundle"]).refused(&["reply.toml", "answer.wasm", "bundle.toml:8:"]);
}

#[test]
fn nothing_of_a_bundle_is_read_from_where_a_link_leads_out_of_it() {
    let program = Program::new("");
    let outside = component_importing("signalbox:llm/llm@0.1.0");
    std::fs::write(program.path("outside.wasm"), &outside).unwrap();
    program.write("models-elsewhere/reply.toml", "a secret that no report repeats = 1\n");
    program.write("bundle/bundle.toml", MANIFEST);
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, program.path(at)).unwrap();
    link("../outside.wasm", "bundle/answer.wasm");
    link("../models-elsewhere", "bundle/models");
    let ran = program.run(&["check", "bundle"]);
    ran.refused(&["plugin `answer`", "bundle/models", "leads out of the folder"]);
    assert!(!ran.err.contains("a secret that"), "{}", ran.err);

    program.write("manifest-elsewhere.toml", "a secret that no report repeats = 1\n");
    std::fs::remove_file(program.path("bundle/bundle.toml")).unwrap();
    link("../manifest-elsewhere.toml", "bundle/bundle.toml");
    for command in [["check", "bundle"], ["graph", "bundle"]] {
        let ran = program.run(&command);
        ran.refused(&["leads out of the folder"]);
        assert!(!ran.err.contains("a secret that"), "{}", ran.err);
    }
}

#[test]
fn a_bundle_that_kubernetes_mounts_with_links_inside_it_is_read() {
    let program = Program::new("");
    program.write("bundle/..2026_11_30/bundle.toml", MANIFEST);
    let component = component_importing("signalbox:llm/llm@0.1.0");
    std::fs::write(program.path("bundle/..2026_11_30/answer.wasm"), component).unwrap();
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, program.path(at)).unwrap();
    link("..2026_11_30", "bundle/..data");
    link("..data/bundle.toml", "bundle/bundle.toml");
    link("..data/answer.wasm", "bundle/answer.wasm");
    // The check gets as far as the component's imports.
    program.run(&["check", "bundle"]).refused(&["plugin `answer`", "without a grant"]);
}

#[test]
fn what_a_bundle_says_reaches_no_terminal_as_it_is() {
    let program = Program::new("");
    let text = MANIFEST.replace("intent = \"last\"", "intent = \"\u{202e}tsal\u{9b}2J\u{e0041}\"");
    program.write("bundle/bundle.toml", &text);
    let ran = program.run(&["check", "bundle"]);
    ran.refused(&["\\u{202e}tsal"]);
    let hidden = ran.err.chars().find(|character| *character != '\n' && signalbox_model::is_hidden(*character));
    assert_eq!(hidden, None, "{}", ran.err);
}

#[test]
fn a_bundle_that_speaks_for_another_type_is_refused_with_file_and_line() {
    let program = Program::new("");
    program.write("bundle/bundle.toml", MANIFEST);
    let model = "decisionCode = \"reply\"\nversion = \"9\"\nbusinessType = \"clinic\"\nmessageTemplate = \"hi\"\n";
    program.write("bundle/models/reply.toml", model);
    program.run(&["check", "bundle"]).refused(&[
        "reply.toml:3:",
        "`clinic`",
        "a bundle for `restaurant`",
        "models import",
    ]);
    program.write("bundle/models/reply.toml", &model.replace("clinic", "restaurant"));
    assert!(!program.run(&["check", "bundle"]).err.contains("reply.toml"), "its own type may be named");
}

#[test]
fn what_templates_do_not_have_is_told_by_check_with_file_and_line() {
    let program = Program::new("");
    program.write("bundle/bundle.toml", MANIFEST);
    let template = "\"\"\"\nHello\n{{ name | uper }}\n{{ name.strip() }}{% include 'x' %}\"\"\"";
    let model =
        format!("decisionCode = \"reply\"\nversion = \"1\"\nparameters = [\"name\"]\nmessageTemplate = {template}\n");
    program.write("bundle/models/reply.toml", &model);
    program.run(&["check", "bundle"]).refused(&[
        "reply.toml:6:1]",
        "the template: there is no filter `uper`; did you mean `upper`?",
        "{{ name | uper }}",
        "reply.toml:7:1]",
        "the template: there is no method `strip`",
        "the template: syntax error: templates of messages have no `{% include %}`",
    ]);
}

#[test]
fn what_can_never_work_in_a_template_is_told_by_check_and_what_is_doubtful_is_a_warning() {
    let program = Program::new("");
    program.write("bundle/bundle.toml", MANIFEST);
    let model = |template: &str| {
        format!(
            "decisionCode = \"reply\"\nversion = \"1\"\nparameters = [\"name\"]\nmessageTemplate = \"{template}\"\n"
        )
    };
    program.write("bundle/models/reply.toml", &model("{{ name | round(method='cel') }}"));
    program.run(&["check", "bundle"]).refused(&[
        "reply.toml:4:19]",
        "the template: the filter `round` can never work here: `round` takes the method",
        "(`reply` 1)",
    ]);
    program.write("bundle/models/reply.toml", &model("hi"));
    // The bundle is refused because its component is missing; warnings are reported in addition.
    let json: Value = serde_json::from_str(&program.run(&["check", "bundle", "--json"]).out).unwrap();
    let doubt = |list: &str| {
        let list = json[list].as_array().unwrap().iter();
        list.filter(|problem| problem["message"].as_str().unwrap().contains("does not use the parameter `name`"))
            .count()
    };
    assert_eq!((doubt("problems"), doubt("warnings")), (0, 1), "{json}");
    program.run(&["check", "bundle"]).refused(&["reply.toml:3:15]", "⚠ the template does not use"]);
}

#[test]
fn a_graph_is_drawn_without_its_components() {
    let program = Program::new("");
    program.write("bundle/bundle.toml", MANIFEST);
    let ran = program.run(&["graph", "bundle"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["classify", "reply", "state.intent"] {
        assert!(ran.out.contains(part), "{part} is missing in\n{}", ran.out);
    }
    let json = program.run(&["graph", "bundle/bundle.toml", "--json"]).json();
    assert_eq!(json["mermaid"], ran.out);
    assert_eq!(json["businessType"], "restaurant");
}

#[test]
fn a_graph_with_mistakes_is_reported_and_not_drawn() {
    let program = Program::new("");
    program.write("bundle/bundle.toml", &MANIFEST.replace("to = \"classify\"", "to = \"classfy\""));
    let ran = program.run(&["graph", "bundle"]);
    ran.refused(&["classfy", "bundle.toml:"]);
    assert!(ran.out.is_empty());
}

/// A component that does nothing but import this interface.
fn component_importing(interface: &str) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    // One type, an instance with nothing in it; one import of it.
    bytes.extend([7, 3, 1, 0x42, 0]);
    bytes.extend([10, u8::try_from(interface.len() + 5).unwrap(), 1, 0, u8::try_from(interface.len()).unwrap()]);
    bytes.extend(interface.as_bytes());
    bytes.extend([5, 0]);
    bytes
}

#[test]
fn an_import_without_a_grant_names_plugin_interface_and_grant() {
    let program = Program::new("");
    program.write("bundle/bundle.toml", MANIFEST);
    std::fs::write(program.path("bundle/answer.wasm"), component_importing("signalbox:llm/llm@0.1.0")).unwrap();
    let ran = program.run(&["check", "bundle"]);
    ran.refused(&[
        "plugin `answer`",
        "`signalbox:llm/llm@0.1.0`",
        "without a grant",
        "grants = { llm =",
        "bundle.toml:8:",
    ]);
}

/// A component that exports nothing, so that its bundle is refused once it is compiled.
const NOTHING: &[u8] = b"\0asm\x0d\0\x01\0";

#[test]
fn graph_mistakes_hide_no_component_mistakes_and_no_unknown_template() {
    let program = Program::new("");
    let text = MANIFEST
        .replace("to = \"reply\"", "to = \"replay\"")
        .replace("component = \"answer.wasm\"", "component = \"answer.wasm\"\ntemplates = [\"booking.confirmd\"]");
    program.write("bundle/bundle.toml", &text);
    program.write(
        "bundle/models/booking.toml",
        "decisionCode = \"booking.confirmed\"\nversion = \"1\"\nmessageTemplate = \"x\"\n",
    );
    std::fs::write(program.path("bundle/answer.wasm"), component_importing("signalbox:llm/llm@0.1.0")).unwrap();
    program.run(&["check", "bundle"]).refused(&[
        "node `replay`",
        "without a grant",
        "lists template `booking.confirmd`",
        "did you mean `booking.confirmed`?",
    ]);
}

#[test]
fn a_second_check_compiles_nothing() {
    let program = Program::new("");
    program.write("bundle/bundle.toml", MANIFEST);
    std::fs::write(program.path("bundle/answer.wasm"), NOTHING).unwrap();
    program.run(&["check", "bundle"]).refused(&["does not export"]);
    // The compiled component is found in the cache; nothing could be compiled within 1 ms.
    program.run(&["check", "bundle", "--set", "sandbox.compile-time=1ms"]).refused(&["does not export"]);
    std::fs::remove_dir_all(program.path(".signalbox")).unwrap();
    program.run(&["check", "bundle", "--set", "sandbox.compile-time=1ms"]).refused(&["takes more than 1ms to compile"]);
}

#[test]
fn a_bundle_is_held_against_the_configuration_with_a_place_and_a_way_out_for_each() {
    let program = Program::new(
        "[webhooks.secrets]\nEVENTS = [{ env = 'E' }]\n[llm.models.large]\nprovider = 'scripted'\nfile = 'l.toml'\n\
         [store]\nbackend = 'dynamodb'\n",
    );
    let text = MANIFEST
        .replace(
            "[inputs.websocket]",
            "[inputs.websocket]\n[inputs.webhook.events]\nverify = { scheme = \"github\", secret = \"EVENTZ\" }\n\
             [inputs.kafka.pos]\ntopic = \"pos.events\"\n",
        )
        .replace(
            "component = \"answer.wasm\"",
            "component = \"answer.wasm\"\ngrants = { llm = [\"lage\"], kafka = [\"orders\"], resources = [\"read\"], \
             http = [\"http://api.example.com/\", \"https://10.0.0.1/\"] }",
        );
    program.write("bundle/bundle.toml", &text);
    program.write(
        "business/roma.toml",
        "businessId = \"roma\"\nname = \"Roma\"\ntype = \"restaurant\"\n[permissions]\nstaff = [\"mesage\"]\n",
    );
    std::fs::write(program.path("bundle/answer.wasm"), NOTHING).unwrap();
    let ran = program.run(&["check", "bundle", "--json"]);
    assert_eq!(ran.code, 1);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let told = |list: &str| -> Vec<String> {
        let list = report[list].as_array().unwrap();
        assert!(list.iter().all(|told| told["line"].is_u64() && told["column"].is_u64()), "{list:?}");
        list.iter().map(|told| format!("{} ({})", told["message"].as_str().unwrap(), told["help"])).collect()
    };
    let (errors, warnings) = (told("problems").join("\n"), told("warnings").join("\n"));
    assert!(
        errors.contains("secret `EVENTZ`, which is not configured") && errors.contains("did you mean `EVENTS`?"),
        "{errors}"
    );
    for part in [
        "language model `lage`",
        "did you mean `large`?",
        "plain http is switched off",
        "the private address 10.0.0.1",
        "egress.private-networks",
        "`resources`, which have no backend",
        "topic `orders`, and no broker is configured",
        "topic `pos.events`, and no broker is configured",
        "permission `mesage`",
        "did you mean `message`?",
    ] {
        assert!(warnings.contains(part), "{part} is missing in\n{warnings}");
    }
    // Without a configuration the bundle is compared with nothing.
    std::fs::remove_file(program.path("signalbox.toml")).unwrap();
    let ran = program.run(&["check", "bundle", "--json"]);
    assert!(!ran.out.contains("lage") && !ran.out.contains("mesage"), "{}", ran.out);
}

#[test]
fn a_topic_to_publish_to_that_is_mapped_to_none_is_an_error_that_names_the_key_to_add() {
    let program = Program::new("[kafka]\nbrokers = ['b:9092']\n[kafka.topics]\norders = 'prod.orders'\n");
    let grant = "component = \"answer.wasm\"\ngrants = { kafka = [\"orders\", \"order\", \"pos.events\"] }";
    program.write("bundle/bundle.toml", &MANIFEST.replace("component = \"answer.wasm\"", grant));
    std::fs::write(program.path("bundle/answer.wasm"), NOTHING).unwrap();
    let ran = program.run(&["check", "bundle"]);
    ran.refused(&[
        "granted topic `order`, which is mapped to no topic",
        "bundle.toml:9:",
        "add `order = \"TOPIC\"` under [kafka.topics]",
        "did you mean `orders`?",
        "add `\"pos.events\" = \"TOPIC\"`",
    ]);
    assert!(!ran.err.contains("topic `orders`,"), "{}", ran.err);
}

#[test]
fn everything_that_is_wrong_with_the_business_directory_is_reported_and_no_clock_is_invented() {
    let program = Program::new("");
    let cron = "[inputs.websocket]\n[inputs.cron.daily]\nschedule = '0 8 * * *'\n\
                [inputs.cron.fixed]\nschedule = '0 9 * * *'\ntimezone = 'Europe/Rome'\n";
    program.write("bundle/bundle.toml", &MANIFEST.replace("[inputs.websocket]\n", cron));
    program.write("bundle/answer.wasm", "\0asm");
    program.write("business/roma.toml", "businessId = 'roma'\nnam = 'Roma'\ntype = 'restaurant'\n");
    program.write("business/port.toml", "businessId = 'port'\nname = \n");
    std::fs::create_dir(program.path("business/folder.toml")).unwrap();
    let ran = program.run(&["check", "bundle"]);
    let told = [
        "roma.toml:2:1",
        "unknown key `nam`",
        "nam = 'Roma'",
        "port.toml:2:",
        "folder.toml",
        "it is no file",
        "error[business_directory_invalid]: the business directory has 4 problems",
    ];
    ran.refused(&told);
    std::fs::remove_dir_all(program.path("business")).unwrap();
    program
        .run(&["check", "bundle"])
        .refused(&["cannot read the business directory", "error[business_directory_invalid]"]);
}
