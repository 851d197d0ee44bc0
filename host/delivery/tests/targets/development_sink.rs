use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use signalbox_delivery::{AttemptResult, DevelopmentSink, EffectTarget as _, SinkEntry};
use signalbox_store::EffectKind;

use super::{ACTION, ACTIONS, ORDERS, due, published, resource_action, resource_action_value, topics, usual_and};

fn entries(path: &Path) -> Vec<SinkEntry> {
    fs::read_to_string(path).unwrap().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[tokio::test]
async fn the_sink_holds_what_kafka_would_have_been_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("effects.jsonl");
    let sink = DevelopmentSink::open(&path, topics()).unwrap();
    let raw = b"\xff\x00";
    for effect in
        [resource_action(), published("orders", Some("order-7"), b"{\n\"a\": 1 }"), published("invoices", None, raw)]
    {
        assert_eq!(sink.attempt(&effect).await, AttemptResult::Delivered);
    }
    let entries = entries(&path);
    let found: Vec<_> = entries.iter().map(|entry| (entry.topic.as_str(), entry.key.as_str())).collect();
    assert_eq!(found, [(ACTIONS, "trattoria"), (ORDERS, "order-7"), ("invoices", "trattoria")]);
    assert_eq!(entries[0].headers, usual_and(&ACTION));
    assert_eq!(entries[1].headers, usual_and(&[("trace", "1")]));
    assert_eq!(entries[0].value, Some(resource_action_value()));
    assert_eq!(entries[1].value, Some(json!({"a": 1})));
    assert_eq!((&entries[2].value, &entries[2].value_base64), (&None, &Some(STANDARD.encode(raw))));
}

#[tokio::test]
async fn a_record_leaves_out_the_fields_and_headers_that_have_nothing_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("effects.jsonl");
    let sink = DevelopmentSink::open(&path, topics()).unwrap();
    let action = json!({"id": "act_1", "type": "resource_action", "target": "table", "payload": {}, "priority": "low"});
    let mut effect = due(EffectKind::Action(serde_json::from_value(action).unwrap()));
    let mut record = (*effect.record).clone();
    record.decision.location_id = None;
    record.decision.context.input.correlation_id = None;
    effect.record = Arc::new(record);
    assert_eq!(sink.attempt(&effect).await, AttemptResult::Delivered);
    let entry = entries(&path).remove(0);
    let value = entry.value.unwrap();
    for field in ["executeAt", "locationId", "correlationId"] {
        assert_eq!(value.get(field), None, "{field}");
    }
    let names: Vec<_> = entry.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(!names.contains(&"signalbox-execute-at") && !names.contains(&"signalbox-correlation-id"), "{names:?}");
}

#[tokio::test]
async fn the_sinks_file_is_its_owners_only() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let path = folder.path().join("made/effects.jsonl");
    let sink = DevelopmentSink::open(&path, topics()).unwrap();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    assert_eq!(sink.attempt(&resource_action()).await, AttemptResult::Delivered);
    assert_eq!(mode(&path), 0o600, "also when another program has opened it to others");
    fs::remove_file(&path).unwrap();
    assert_eq!(sink.attempt(&resource_action()).await, AttemptResult::Delivered);
    assert_eq!(mode(&path), 0o600, "also when it is made anew");
}

#[tokio::test]
async fn a_line_that_was_cut_off_spoils_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("effects.jsonl");
    fs::write(&path, "{\"writtenAt\":\"2026").unwrap();
    let sink = DevelopmentSink::open(&path, topics()).unwrap();
    assert_eq!(sink.attempt(&resource_action()).await, AttemptResult::Delivered);
    assert_eq!(entries(&path).len(), 1);
}

#[tokio::test]
async fn an_error_of_the_disk_makes_the_whole_sink_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("effects.jsonl");
    let sink = DevelopmentSink::open(&path, topics()).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let result = sink.attempt(&resource_action()).await;
    let AttemptResult::Unavailable { reason } = &result else { panic!("{result:?}") };
    assert!(reason.contains("effects.jsonl"), "{reason}");
}
