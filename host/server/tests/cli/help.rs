use super::program::Program;

#[test]
fn every_command_teaches_with_an_example() {
    let program = Program::new("");
    for command in [
        "serve",
        "send",
        "token",
        "check",
        "graph",
        "decisions",
        "effects",
        "review",
        "models",
        "cron",
        "tables",
        "config",
        "version",
    ] {
        let help = program.run(&[command, "--help"]);
        assert_eq!(help.code, 0);
        assert!(help.out.contains("Example"), "`signalbox {command} --help` has no example:\n{}", help.out);
        assert!(help.out.contains(&format!("signalbox {command}")), "{}", help.out);
    }
    for command in ["list", "run", "pause", "resume"] {
        let help = program.run(&["cron", command, "--help"]);
        assert!(help.out.contains(&format!("Example: signalbox cron {command}")), "{}", help.out);
    }
    let help = program.run(&["effects", "tail", "--help"]);
    assert!(help.out.contains("Example: signalbox effects tail"), "{}", help.out);
    let help = program.run(&["review", "list", "--help"]);
    assert!(help.out.contains("Example: signalbox review list"), "{}", help.out);
    for command in ["import", "list", "show", "render"] {
        let help = program.run(&["models", command, "--help"]);
        assert!(help.out.contains(&format!("Example: signalbox models {command}")), "{}", help.out);
    }
    for command in ["list", "show", "tail"] {
        let help = program.run(&["decisions", command, "--help"]);
        assert!(
            help.out.contains("Example") && help.out.contains(&format!("signalbox decisions {command}")),
            "{}",
            help.out
        );
    }
}

#[test]
fn an_unknown_option_is_a_usage_error_and_not_a_failure() {
    let ran = Program::new("").run(&["serve", "--lisen", "127.0.0.1:0"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--listen"), "{}", ran.err);
}

#[test]
fn the_version_names_compiler_engine_and_target() {
    let version = Program::new("").run(&["version", "--json"]).json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    for part in ["rust", "wasmtime", "target"] {
        let text = version[part].as_str().unwrap();
        assert!(!text.is_empty() && text != "unknown", "{part} is {text}");
    }
}
