use anyhow::Result;
use serde_json::{Value, json};
use signalbox_tests_support::{Setup, bundle};

use super::misbehaving;

#[tokio::test]
async fn the_correlation_id_runs_from_the_frame_through_the_plugins_line_to_the_reply() -> Result<()> {
    let setup = Setup::new()?.business("alpha", "probe-log")?.bundle(bundle("probes/log")?);
    let host = setup.start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    let calls =
        json!([{"call": "write", "level": "info", "message": "a line of the plugin", "fields": [["dish", "soup"]]}]);
    ana.send(&json!({"type": "message", "id": "m-1", "businessId": "alpha", "content": {"data": {"calls": calls}}}))
        .await?;
    let ack = ana.expect_for("ack", "m-1").await?;
    let correlation = ack["correlationId"].as_str().unwrap().to_owned();
    let decision = ack["decisionId"].as_str().unwrap().to_owned();

    let line = host.log().wait_for("of the plugin", |line| text(line).contains("a line of the plugin")).await?;
    let all = line.to_string();
    for part in [correlation.as_str(), decision.as_str(), "probe"] {
        assert!(all.contains(part), "`{part}` is missing in {all}");
    }
    assert_eq!(
        line["fields"],
        json!({"dish": "soup"}),
        "the plugin's fields are fields of the line, not JSON in a string"
    );
    let decided = host.log().wait_for("of the decision", |line| {
        let all = line.to_string();
        all.contains(&correlation) && all.contains("probe.called")
    });
    decided.await?;
    Ok(())
}

#[tokio::test]
async fn health_and_metrics_tell_what_happens() -> Result<()> {
    let host = misbehaving()?.start().await?;
    assert_eq!(host.get("/livez").await?.0, 200);
    assert_eq!(host.get("/readyz").await?.0, 200);

    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.ask("alpha", "hello").await?;
    ana.say("alpha", "panic").await?;
    ana.expect("error").await?;

    assert_eq!(host.metric("signalbox_websocket_connections", &[]).await?, Some(1.0));
    assert_eq!(host.metric("signalbox_messages_total", &[]).await?, Some(2.0));
    for name in ["signalbox_decisions_total", "signalbox_node_duration_seconds_count", "signalbox_traps_total"] {
        let value = host.metric(name, &[]).await?;
        assert!(value.is_some_and(|value| value >= 1.0), "{name} is {value:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_metrics_say_what_the_process_uses() -> Result<()> {
    let host = misbehaving()?.start().await?;
    for name in ["resident_memory_bytes", "virtual_memory_bytes", "threads", "max_fds", "start_time_seconds"] {
        let value = host.metric(&format!("process_{name}"), &[]).await?;
        assert!(value.is_some_and(|value| value > 0.0), "{name} is {value:?}");
    }
    assert!(host.metric("process_cpu_seconds_total", &[]).await?.is_some());
    assert_eq!(host.metric("signalbox_sandbox_instances_free", &[]).await?, Some(128.0), "as many as there are");

    let [handles, tasks] = ["process_open_fds", "signalbox_runtime_tasks"];
    let before = (host.metric(handles, &[]).await?, host.metric(tasks, &[]).await?);
    assert!(before.0.is_some() && before.1.is_some(), "{before:?}");
    let mut clients = Vec::new();
    for number in 0..20 {
        clients.push(host.coordinator(&format!("user-{number}"), "alpha").await?);
    }
    assert!(host.metric(handles, &[]).await? >= before.0.map(|handles| handles + 10.0), "each has a handle");
    assert!(host.metric(tasks, &[]).await? >= before.1.map(|tasks| tasks + 10.0), "and a task");
    Ok(())
}

#[tokio::test]
async fn sighup_takes_a_new_business_in_and_a_broken_file_changes_nothing() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let directory = host.setup().path().join("business");
    let old = std::fs::read_to_string(directory.join("alpha.toml"))?;
    std::fs::write(directory.join("gamma.toml"), old.replace("alpha", "gamma"))?;
    host.reload()?;
    host.log().wait_for("about the reload", |line| text(line).contains("business directory again")).await?;
    let mut ana = host.coordinator("ana", "gamma").await?;
    ana.ask("gamma", "are you there").await?;

    std::fs::write(directory.join("gamma.toml"), "businessId = ")?;
    host.reload()?;
    host.log().wait_for("about the broken file", |line| line.to_string().contains("gamma.toml")).await?;
    ana.ask("gamma", "still there").await?;
    Ok(())
}

#[tokio::test]
async fn a_token_of_the_hosts_own_command_opens_the_door() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let output = host.setup().run(&["token", "--user", "ana", "--business", "alpha:coordinator", "--json"]).await?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let token: Value = serde_json::from_slice(&output.stdout)?;
    let mut ana = signalbox_tests_support::Client::connect(host.websocket(), token["token"].as_str().unwrap()).await?;
    ana.ask("alpha", "hello").await?;
    Ok(())
}

fn text(line: &Value) -> &str {
    let nested = line.pointer("/fields/message").or_else(|| line.get("message"));
    nested.and_then(Value::as_str).unwrap_or_default()
}
