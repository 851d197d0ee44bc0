use std::io::Write as _;

use signalbox_model::HumanDuration;

use super::*;
use crate::config::{MetricsAccess, StoreBackend, settings, to_toml};

struct Written {
    folder: tempfile::TempDir,
}

impl Written {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut file = std::fs::File::create(folder.path().join("signalbox.toml")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Self { folder }
    }

    fn load(&self, variables: &[(&str, &str)], options: &[&str]) -> Result<Loaded, ConfigError> {
        Sources {
            file: Some(self.folder.path().join("signalbox.toml")),
            variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            options: options.iter().map(|option| ("--set".to_owned(), (*option).to_owned())).collect(),
        }
        .load()
    }

    fn problems(&self, variables: &[(&str, &str)], options: &[&str]) -> String {
        self.load(variables, options).unwrap_err().render(false)
    }
}

#[test]
fn the_file_goes_over_defaults_the_environment_over_the_file_and_options_over_all() {
    let written = Written::new("[server]\nlisten = '127.0.0.1:1'\nshutdown-deadline = '1s'\n");
    let variables = [("SIGNALBOX_SERVER__SHUTDOWN_DEADLINE", "2s"), ("SIGNALBOX_STORE__TABLE_PREFIX", "env-")];
    let loaded = written.load(&variables, &["store.table-prefix=flag-"]).unwrap();
    assert_eq!(loaded.config.server.listen.port(), 1);
    assert_eq!(loaded.config.server.shutdown_deadline, HumanDuration::secs(2));
    assert_eq!(loaded.config.store.table_prefix, "flag-");
    assert!(loaded.config.store.create_tables);
    assert!(loaded.provenance(&["server", "listen"]).ends_with("signalbox.toml:2"));
    assert_eq!(
        loaded.provenance(&["server", "shutdown-deadline"]),
        "environment variable SIGNALBOX_SERVER__SHUTDOWN_DEADLINE"
    );
    assert_eq!(loaded.provenance(&["store", "table-prefix"]), "option --set store.table-prefix");
    assert_eq!(loaded.provenance(&["store", "create-tables"]), "default");
}

#[test]
fn text_from_the_environment_takes_the_type_of_its_key() {
    let variables = [
        ("SIGNALBOX_STORE__CREATE_TABLES", "false"),
        ("SIGNALBOX_STORE__TABLE_PREFIX", "42"),
        ("SIGNALBOX_STORE__BACKEND", "memory"),
        ("SIGNALBOX_BUNDLES__PATHS", "['a', 'b']"),
        ("SIGNALBOX_TELEMETRY__METRICS_TOKEN", "{ env = 'SCRAPE' }"),
        ("SIGNALBOX_STORE__SECRET_KEY__FILE", "/run/key"),
        ("SIGNALBOX_TEST_DYNAMODB", "not ours"),
    ];
    let loaded = Written::new("").load(&variables, &[]).unwrap();
    assert!(!loaded.config.store.create_tables);
    assert_eq!(loaded.config.store.table_prefix, "42");
    assert_eq!(loaded.config.store.backend, StoreBackend::Memory);
    assert_eq!(loaded.config.bundles.paths, [PathBuf::from("a"), PathBuf::from("b")]);
    assert_eq!(loaded.config.telemetry.metrics_token.unwrap().to_string(), "environment variable SCRAPE");
    assert_eq!(loaded.config.store.secret_key.unwrap().to_string(), "file /run/key");
}

#[test]
fn every_problem_of_the_file_is_told_at_once_with_line_caret_and_a_way_out() {
    let written = Written::new(
        "[server]\nlisten = 'nowhere'\nlissten = '127.0.0.1:1'\n\n[telemetry]\nmetrics-access = 'everyone'\n\n[stor]\npath = 'x'\n",
    );
    let text = written.problems(&[], &[]);
    for expected in [
        "signalbox.toml:2:10",
        "`server.listen`: invalid socket address",
        "signalbox.toml:3:1",
        "unknown key `server.lissten`",
        "did you mean `listen`?",
        "signalbox.toml:6:18",
        "`everyone` is not possible here",
        "known are `loopback`, `token`, `open`, `off`",
        "signalbox.toml:8:2",
        "unknown key `stor`",
        "did you mean `store`?",
        "─┬",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    assert_eq!(written.load(&[], &[]).unwrap_err().to_string(), "the configuration has 4 problems");
}

#[test]
fn a_problem_of_a_variable_or_option_names_it() {
    let variables = [("SIGNALBOX_SERVER__LISTEN", "nowhere"), ("SIGNALBOX_SERVER__PORT", "80")];
    let text = Written::new("").problems(&variables, &["store.create-tables=maybe", "what"]);
    for expected in [
        "environment variable SIGNALBOX_SERVER__LISTEN: `server.listen`: invalid socket address",
        "environment variable SIGNALBOX_SERVER__PORT: unknown key `server.port`; known are `listen`",
        "option --set store.create-tables: `store.create-tables`: invalid type: string \"maybe\", expected a boolean",
        "option --set what is not KEY=VALUE",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}

#[test]
fn a_secret_written_into_the_configuration_is_refused_and_not_shown() {
    let written = Written::new("[store]\nsecret-key = 'hunter2'\n");
    let text = written.problems(&[("SIGNALBOX_STORE__ACCESS_KEY", "hunter3")], &[]);
    assert!(text.contains("signalbox.toml:2: `store.secret-key`: a secret is never written"), "{text}");
    assert!(text.contains("SIGNALBOX_STORE__ACCESS_KEY") && text.contains("{ env = \"NAME\" }"), "{text}");
    assert!(!text.contains("hunter"), "{text}");
}

#[test]
fn what_is_not_toml_is_pointed_at() {
    let text = Written::new("[server]\nlisten = \n").problems(&[], &[]);
    assert!(text.contains("this is not TOML") && text.contains("signalbox.toml:2"), "{text}");
}

#[test]
fn everything_that_is_not_toml_is_told_at_once() {
    let text = Written::new("[server]\nlisten = \n\n[telemetry]\nmetrics-access = everyone\n").problems(&[], &[]);
    for place in ["signalbox.toml:2", "signalbox.toml:5"] {
        assert!(text.contains(place), "{place} is missing in\n{text}");
    }
}

#[test]
fn a_key_in_another_spelling_is_told_with_the_right_one() {
    let text = Written::new("[server]\nshutdownDeadline = '2s'\nShutdown_Delay = '1s'\n").problems(&[], &[]);
    for help in ["did you mean `shutdown-deadline`?", "did you mean `shutdown-delay`?"] {
        assert!(text.contains(help), "{help} is missing in\n{text}");
    }
}

#[test]
fn a_named_file_that_is_not_there_is_an_error() {
    let sources = Sources { file: Some(PathBuf::from("/nowhere/signalbox.toml")), ..Sources::default() };
    assert!(sources.load().unwrap_err().render(false).contains("/nowhere/signalbox.toml"));
}

#[test]
fn relative_paths_of_the_file_start_at_the_file() {
    let written = Written::new("[store]\npath = 'data/store.db'\n[bundles]\npaths = ['restaurant']\n");
    let loaded = written.load(&[("SIGNALBOX_BUSINESS__DIRECTORY", "people")], &[]).unwrap();
    assert_eq!(written.load(&[], &[]).unwrap().config.business.directory, written.folder.path().join("business"));
    assert_eq!(loaded.config.store.path, written.folder.path().join("data/store.db"));
    assert_eq!(loaded.config.bundles.paths, [written.folder.path().join("restaurant")]);
    assert_eq!(loaded.config.business.directory, Path::new("people"));
}

#[test]
fn the_effective_configuration_reads_back_as_the_same_and_says_where_each_value_is_from() {
    let written = Written::new(
        "[telemetry]\nmetrics-access = 'token'\nmetrics-token = { env = 'SCRAPE' }\n\
         [auth]\nkeys = [{ algorithm = 'HS256', key = { env = 'SIGN' } }]\njwks = { url = 'https://issuer.example/' }\n\
         [llm.models.default]\nprovider = 'scripted'\nfile = '/llm.toml'\n\
         [egress.secrets.crm]\nvalue = { file = '/crm' }\nhosts = ['crm.example']\n",
    );
    let loaded = written.load(&[], &[]).unwrap();
    assert_eq!(loaded.config.telemetry.metrics_access, MetricsAccess::Token);
    let text = to_toml(&settings(&loaded).unwrap());
    assert!(text.contains("keys = [{ algorithm = \"HS256\", key = { env = \"SIGN\" } }]"), "{text}");
    assert!(text.contains("signalbox.toml:2") && text.contains("# default"), "{text}");
    let again = Written::new(&text).load(&[], &[]).unwrap();
    assert_eq!(serde_json::to_value(again.config).unwrap(), serde_json::to_value(loaded.config).unwrap());
}

#[test]
fn a_file_that_nests_without_end_is_refused_before_it_is_parsed() {
    let refused = Sources::default().read("x=[".repeat(100_000)).unwrap_err();
    assert!(refused.render(false).contains("nest deeper than 64 levels"), "{}", refused.render(false));
}
