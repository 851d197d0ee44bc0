//! The file of the store is damaged and repaired, and the clock is set, while a host runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use signalbox_tests_support::{Client, DEADLINE, Host, Machine};

use super::misbehaving;

/// Waits until the host is ready, or is not, and returns the state of its store as it reports it.
async fn ready(host: &Host, wanted: bool) -> Result<String> {
    let waiting = async {
        loop {
            let (status, report) = host.get("/readyz").await?;
            let report: Value = serde_json::from_str(&report)?;
            ensure!(host.get("/livez").await?.0 == 200, "the host itself is well");
            if (status == 200) == wanted {
                let reason = report.pointer("/parts/store/reason").and_then(Value::as_str);
                return Ok(reason.unwrap_or_default().to_owned());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ready = tokio::time::timeout(DEADLINE, waiting).await;
    ready.with_context(|| format!("/readyz never says that the host is ready: {wanted}"))?
}

/// Sends a message that must not be answered as if it were decided.
async fn is_refused(client: &mut Client, id: &str) -> Result<()> {
    client.say_as(id, "alpha", "hello").await?;
    let error = client.expect("error").await?;
    let detail = |name: &str| error.pointer(&format!("/details/{name}"));
    ensure!(detail("messageId") == Some(&json!(id)) && detail("retryable") == Some(&json!(true)), "{error}");
    Ok(())
}

async fn is_answered(client: &mut Client, id: &str) -> Result<Value> {
    client.say_as(id, "alpha", "hello").await?;
    client.expect_for("response", id).await
}

#[tokio::test]
async fn a_host_whose_disk_is_full_is_not_ready_says_what_to_do_and_is_ready_again_with_room() -> Result<()> {
    let machine = Machine::new()?;
    let host = misbehaving()?.on(&machine).start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    is_answered(&mut ana, "m-1").await?;
    machine.is_full()?;
    let reason = ready(&host, false).await?;
    ensure!(reason.contains("full") && reason.contains("make room"), "{reason}");
    is_refused(&mut ana, "m-2").await?;
    machine.is_well()?;
    ready(&host, true).await?;
    is_answered(&mut ana, "m-2").await?;
    is_answered(&mut ana, "m-1").await?;
    Ok(())
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_until_the_store_was_verified() -> Result<()> {
    let machine = Machine::new()?;
    let mut host = misbehaving()?.on(&machine).start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    is_answered(&mut ana, "m-1").await?;
    machine.cannot_sync()?;
    let reason = ready(&host, false).await?;
    ensure!(reason.contains("cannot be synced") && reason.contains("verified"), "{reason}");
    for number in 2..5 {
        is_refused(&mut ana, &format!("m-{number}")).await?;
    }
    machine.is_well()?;
    ready(&host, true).await?;
    let answer = is_answered(&mut ana, "m-2").await?;
    host.kill().await?;
    host.restart().await?;
    let decision = host.decision(answer["decisionId"].as_str().unwrap_or_default()).await?;
    ensure!(decision.is_some(), "what was acknowledged after it was mended outlives a kill -9");
    Ok(())
}

/// A host whose data is in the file itself, and not only in its write-ahead log.
async fn with_a_full_file() -> Result<(Host, PathBuf)> {
    let much = "[intake]\ntext-size = \"64KiB\"\nrate-per-user = 1000\nburst-per-user = 1000\n\
                [websocket]\nframes-per-second = 1000\nburst = 1000";
    let host = misbehaving()?.config(much).start().await?;
    let file = host.setup().path().join("store.db");
    let mut ana = host.coordinator("ana", "alpha").await?;
    is_answered(&mut ana, "m-1").await?;
    while std::fs::metadata(&file)?.len() < 512 * 1024 {
        // The answer would be too long, so the decision fails, and is stored with its input all the same.
        ana.say("alpha", &"a long story ".repeat(3_000)).await?;
        ana.expect("error").await?;
    }
    Ok((host, file))
}

#[tokio::test]
async fn a_host_whose_database_was_cut_in_half_is_not_ready_and_acknowledges_nothing() -> Result<()> {
    let (host, file) = with_a_full_file().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    // The log begins anew with the next writes; until then it holds all of the file's pages too, and would repair the
    // file.
    for id in ["m-a", "m-b", "m-c"] {
        is_answered(&mut ana, id).await?;
    }
    let whole = host.setup().path().join("whole");
    std::fs::copy(&file, &whole)?;
    let size = std::fs::metadata(&file)?.len();
    std::fs::OpenOptions::new().write(true).open(&file)?.set_len(size / 2)?;
    let reason = ready(&host, false).await?;
    ensure!(reason.contains("cut") || reason.contains("damaged"), "{reason}");
    is_refused(&mut ana, "m-2").await?;
    let waiting = host.log().wait_for("of the damage", |line| line.to_string().contains("restore it from a backup"));
    waiting.await?;
    // The original bytes are restored: together with the log, which was not touched, the store is whole again.
    std::fs::copy(&whole, &file)?;
    ready(&host, true).await?;
    is_answered(&mut ana, "m-2").await?;
    Ok(())
}

#[tokio::test]
async fn a_host_whose_database_was_emptied_is_not_ready_and_takes_it_for_no_new_one() -> Result<()> {
    let (host, file) = with_a_full_file().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    let whole = std::fs::read(&file)?;
    std::fs::OpenOptions::new().write(true).open(&file)?.set_len(0)?;
    is_refused(&mut ana, "m-2").await?;
    let waiting = host.log().wait_for("of the damage", |line| line.to_string().contains("restore it from a backup"));
    waiting.await?;
    let reason = ready(&host, false).await?;
    ensure!(reason.contains("cut") || reason.contains("damaged"), "{reason}");
    is_refused(&mut ana, "m-2").await?;
    std::fs::write(&file, whole)?;
    ready(&host, true).await?;
    is_answered(&mut ana, "m-1").await?;
    is_answered(&mut ana, "m-2").await?;
    Ok(())
}

#[tokio::test]
async fn a_host_whose_database_was_moved_away_or_replaced_is_not_ready_until_it_is_back() -> Result<()> {
    let (host, file) = with_a_full_file().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    let away = host.setup().path().join("away.db");
    std::fs::rename(&file, &away)?;
    let reason = ready(&host, false).await?;
    ensure!(reason.contains("gone"), "{reason}");
    is_refused(&mut ana, "m-2").await?;
    std::fs::write(&file, "another file")?;
    is_refused(&mut ana, "m-2").await?;
    let replaced = host.log().wait_for("of the other file", |line| line.to_string().contains("replaced by another"));
    replaced.await?;
    std::fs::rename(&away, &file)?;
    ready(&host, true).await?;
    is_answered(&mut ana, "m-2").await?;
    Ok(())
}

#[tokio::test]
async fn a_host_whose_databases_log_was_deleted_acknowledges_nothing_that_only_the_log_has() -> Result<()> {
    let (host, file) = with_a_full_file().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    std::fs::remove_file(beside(&file, "-wal"))?;
    is_refused(&mut ana, "m-2").await?;
    // The file is whole, so the store goes on with a new log; the refused message is sent again until it is accepted.
    let answer = is_answered_at_last(&mut ana, "m-2").await?;
    let mut host = host;
    host.kill().await?;
    host.restart().await?;
    ensure!(host.decision(answer["decisionId"].as_str().unwrap_or_default()).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn a_host_whose_databases_log_was_cut_is_not_ready_and_acknowledges_nothing() -> Result<()> {
    for whole_log in [true, false] {
        let host = misbehaving()?.start().await?;
        let mut ana = host.coordinator("ana", "alpha").await?;
        is_answered(&mut ana, "m-1").await?;
        let log = std::fs::OpenOptions::new().write(true).open(host.setup().path().join("store.db-wal"))?;
        let size = log.metadata()?.len();
        ensure!(size > 0, "what was decided is in the log");
        log.set_len(if whole_log { 0 } else { size / 2 })?;
        is_refused(&mut ana, "m-2").await?;
        ready(&host, false).await?;
        is_refused(&mut ana, "m-2").await?;
    }
    Ok(())
}

/// Sends the message again for as long as the host asks for that.
async fn is_answered_at_last(client: &mut Client, id: &str) -> Result<Value> {
    let answered = async {
        loop {
            client.say_as(id, "alpha", "hello").await?;
            loop {
                let frame = client.next().await?;
                let again = frame.pointer("/details/retryable").and_then(Value::as_bool);
                match frame.get("type").and_then(Value::as_str) {
                    Some("response") => return anyhow::Ok(frame),
                    Some("error") if again == Some(true) => break,
                    Some("error") => bail!("{frame}"),
                    _ => {}
                }
            }
            // The time that the host asks for between two tries.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(DEADLINE, answered).await.context("the message is refused again and again")?
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[tokio::test]
async fn what_is_decided_after_the_clock_was_set_back_is_resumed_all_the_same() -> Result<()> {
    let machine = Machine::new()?;
    machine.clock_is_ahead_by(1_800)?;
    let mut host = misbehaving()?.on(&machine).start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    let seen = is_answered(&mut ana, "m-1").await?;
    drop(ana);

    machine.is_well()?;
    let mut elsewhere = host.coordinator("ana", "alpha").await?;
    let mut missed = vec![is_answered(&mut elsewhere, "m-2").await?];
    drop(elsewhere);
    host.kill().await?;
    host.restart().await?;
    let mut elsewhere = host.coordinator("ana", "alpha").await?;
    missed.push(is_answered(&mut elsewhere, "m-3").await?);
    drop(elsewhere);

    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.send(&json!({"type": "resume", "businessId": "alpha", "cursor": seen["cursor"]})).await?;
    let mut found = Vec::new();
    let end = loop {
        let frame = ana.next().await?;
        match frame["type"].as_str() {
            Some("response") => found.push(frame["decisionId"].clone()),
            Some("resumed") => break frame,
            _ => {}
        }
    };
    ensure!(end["recovered"] == true, "{end}");
    for missed in &missed {
        ensure!(found.contains(&missed["decisionId"]), "{missed} is not among {found:?}");
    }
    ensure!(found.last() == missed.last().map(|missed| &missed["decisionId"]), "and in order: {found:?}");
    Ok(())
}
