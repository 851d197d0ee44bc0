use anyhow::Result;
use serde_json::json;

use super::world::{World, captured};

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("log").await?;
    let calls = json!([
        {"call": "write", "level": "warn", "message": "soup is out", "fields": [["dish", "soup"]]},
        {"call": "write", "level": "info", "message": "first line\nsecond line\u{1b}[31m"},
    ]);
    let (results, lines) = captured(world.calls(calls)).await;
    assert_eq!(results?, [json!({"ok": null}), json!({"ok": null})]);

    let line = lines.iter().find(|line| line.to_string().contains("soup is out")).expect("the line was written");
    assert_eq!(line["level"], "WARN", "{line}");
    for part in ["probe", "dec_", "dish"] {
        assert!(line.to_string().contains(part), "`{part}` is missing in {line}");
    }
    let control = lines.iter().filter(|line| line.to_string().contains("first line")).count();
    assert_eq!(control, 1, "a line break of a guest starts no line of the log");
    Ok(())
}

#[tokio::test]
async fn a_flood_is_cut_and_counted() -> Result<()> {
    let world = World::start("log").await?;
    let calls = json!([{"call": "write", "level": "info", "message": "one of a flood", "times": 500}]);
    let (results, lines) = captured(world.calls(calls)).await;
    assert_eq!(results?, [json!({"ok": null})]);
    let written = lines.iter().filter(|line| line.to_string().contains("one of a flood")).count();
    assert_eq!(written, 64);
    let counted = lines.iter().find(|line| line.to_string().contains("436"));
    assert!(counted.is_some(), "how many were dropped is told");
    Ok(())
}

#[tokio::test]
async fn a_long_line_is_cut() -> Result<()> {
    let world = World::start("log").await?;
    let message = format!("a long line {}", "x".repeat(20_000));
    let (results, lines) = captured(world.calls(json!([{"call": "write", "level": "info", "message": message}]))).await;
    assert_eq!(results?, [json!({"ok": null})]);
    let line = lines.iter().find(|line| line.to_string().contains("a long line")).expect("the line was written");
    assert!(line.to_string().len() < 6_000, "{} bytes", line.to_string().len());
    Ok(())
}
