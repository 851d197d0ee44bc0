//! Plugins and inputs of a manifest: what is accepted, and what is refused.

use signalbox_graph::parse;

use crate::check::graph;

/// A manifest whose [plugins] and [inputs] are given; its graph uses plugin `p`.
fn bundle(lines: &str) -> String {
    let nodes = graph("", &["a"], &["start -> a", "a -> end"]);
    format!("[bundle]\nbusiness-type = \"shop\"\nversion = \"1.0.0\"\n{lines}\n{nodes}")
}

#[test]
fn plugins_are_read_with_their_grants_limits_and_configuration() {
    let text = bundle(
        "[plugins.p]\ncomponent = \"nodes/p.wasm\"\n\
         grants = { llm = [\"default\"], dynamodb = [\"rows:read\"], http = [\"POST https://api.example.com/v1/\"] }\n\
         limits = { time = \"1s\", cpu = \"50ms\", memory = \"16MiB\", log-lines = 10, log-bytes = \"1KiB\", host-calls = 5 }\n\
         config = { language = \"ro\", depth = [1, 2.5, true], since = 2026-01-01 }",
    );
    let manifest = parse("bundle.toml", &text).map_err(|report| report.render(false)).unwrap();
    let plugin = &manifest.plugins["p"];
    assert_eq!(plugin.component, "nodes/p.wasm");
    assert_eq!(plugin.grants["dynamodb"], ["rows:read"]);
    assert_eq!(plugin.limits.cpu, std::time::Duration::from_millis(50));
    assert_eq!((plugin.limits.memory, plugin.limits.log_bytes, plugin.limits.host_calls), (16 << 20, 1 << 10, 5));
    let config = serde_json::json!({"language": "ro", "depth": [1, 2.5, true], "since": "2026-01-01"});
    assert_eq!(serde_json::Value::Object(plugin.config.clone()), config);
    assert_eq!(&text[plugin.span.clone()], "p");
    assert_eq!((manifest.business_type.as_str(), manifest.version.as_str()), ("shop", "1.0.0"));
    let bare = parse("bundle.toml", &bundle("[plugins.p]\ncomponent = \"p.wasm\"")).unwrap();
    assert_eq!(bare.plugins["p"].limits, signalbox_graph::PluginLimits::default());
}

#[test]
fn what_a_plugin_may_not_be_is_refused() {
    let plugin = |lines: &str| match parse("bundle.toml", &bundle(&format!("[plugins.p]\n{lines}"))) {
        Ok(_) => String::new(),
        Err(report) => report.problems().map(|p| p.message.to_owned()).collect::<Vec<_>>().join("; "),
    };
    for (path, why) in [
        ("/etc/p.wasm", "is not relative"),
        ("C:/p.wasm", "is not relative"),
        ("..\\\\p.wasm", "is not relative"),
        ("a/../../p.wasm", "leads out of"),
        ("a//p.wasm", "is not a plain path"),
        ("", "is empty"),
    ] {
        assert!(plugin(&format!("component = \"{path}\"")).contains(why), "{path}");
    }
    assert!(plugin("").contains("[plugins.p] has no `component`"));
    let with = |grants: &str| plugin(&format!("component = \"p.wasm\"\ngrants = {{ {grants} }}"));
    assert!(with("log = [\"write\"]").contains("capability `log` needs no grant"));
    assert!(with("rag = [\"write\"]").contains("capability `rag` has no grant `write`"));
    assert!(with("rag = []").contains("allows nothing"));
    assert!(with("rag = [\"read\", \"read\"]").contains("stands twice"));
    assert!(with("http = [\"ftp://x\"]").contains("has no grant `ftp://x`"));
    assert!(with("http = [\"FETCH https://x/\"]").contains("has no grant"));
    assert!(with("dynamodb = [\"a b\"]").contains("has no grant `a b`"));
    let limits = |limits: &str| plugin(&format!("component = \"p.wasm\"\nlimits = {{ {limits} }}"));
    assert!(limits("time = \"61s\"").contains("`time` in `limits` of [plugins.p] is 61s"));
    assert!(limits("cpu = \"11s\"").contains("is 11s"));
    assert!(limits("memory = \"257MiB\"").contains("is 257MiB"));
    assert!(limits("memory = 32").contains("is a whole number"));
    assert!(limits("tme = \"1s\"").contains("unknown key `tme`"));
    assert!(plugin("component = \"p.wasm\"\nconfig = \"x\"").contains("`config` in [plugins.p] is a string"));
}

const PLUGINS: &str = "[plugins.p]\ncomponent = \"p.wasm\"\n[plugins.h]\ncomponent = \"h.wasm\"\n";

#[test]
fn inputs_of_every_kind_are_read() {
    let text = bundle(&format!(
        "{PLUGINS}[inputs.websocket]\n[inputs.api]\nhandler = \"h\"\n\
         [inputs.webhook.orders]\nhandler = \"h\"\nverify = {{ scheme = \"stripe\", secret = \"ORDERS\" }}\n\
         [inputs.cron.daily]\nschedule = \"*/5 8-18 * JAN,6 MON-FRI\"\ntimezone = \"Europe/Bucharest\"\n\
         payload = {{ a = 1 }}\noverlap = \"queue\"\ncatch-up = \"none\"\njitter = \"30s\"\n\
         [inputs.kafka.pos]\ntopic = \"pos.events\"\n"
    ));
    let inputs = parse("bundle.toml", &text).map_err(|report| report.render(false)).unwrap().inputs;
    assert_eq!(inputs.websocket.unwrap().handler, None);
    assert_eq!(inputs.api.unwrap().handler.as_deref(), Some("h"));
    assert_eq!(inputs.webhook["orders"].verify.scheme, signalbox_graph::VerifyScheme::Stripe);
    let cron = &inputs.cron["daily"];
    assert_eq!((cron.overlap, cron.catch_up), (signalbox_model::Overlap::Queue, signalbox_graph::CronCatchUp::None));
    assert_eq!(cron.jitter, std::time::Duration::from_secs(30));
    assert_eq!(inputs.kafka["pos"].topic, "pos.events");
}

#[test]
fn what_an_input_may_not_be_is_refused() {
    let input = |lines: &str| {
        let text = bundle(&format!("{PLUGINS}[inputs.api]\nhandler = \"h\"\n{lines}"));
        let report = parse("bundle.toml", &text).err();
        report.map(|r| r.problems().map(|p| p.message.to_owned()).collect::<Vec<_>>().join("; ")).unwrap_or_default()
    };
    assert_eq!(input(""), "");
    assert!(input("[inputs.websocket]\nhandler = \"x\"").contains("handler `x` is not declared"));
    assert!(input("[inputs.websocket]\nhandler = \"p\"").contains("an input handler here and a decision node"));
    assert!(input("[inputs.webhook.w]").contains("[inputs.webhook.w] has no `verify`"));
    let scheme = "[inputs.webhook.w]\nverify = { scheme = \"githb\", secret = \"S\" }";
    assert!(input(scheme).contains("`scheme` cannot be `githb`"));
    for wrong in [
        "* * * *",
        "60 * * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "x * * * *",
    ] {
        assert!(input(&format!("[inputs.cron.c]\nschedule = \"{wrong}\"")).contains("schedule"), "{wrong}");
    }
    let zone = "[inputs.cron.c]\nschedule = \"0 8 * * *\"\ntimezone = \"Europe/Bucuresti\"";
    assert!(input(zone).contains("there is no time zone `Europe/Bucuresti`"));
    assert!(input("[inputs.kafka.k]\ntopic = \"a b\"").contains("is no name of a Kafka topic"));
    let twice = "[inputs.kafka.a]\ntopic = \"t\"\n[inputs.kafka.b]\ntopic = \"t\"";
    assert!(input(twice).contains("topic `t` is read by another input already"));
    assert!(input("[inputs.mail]").contains("unknown key `mail` in [inputs]"));
}
