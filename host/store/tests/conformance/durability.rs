use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use signalbox_model::ReviewVerdict;
use signalbox_store::{Backend, Committed, Config, Effect, FireClaim, Resolved, RowCondition, Store, StoreError};

use crate::fires::fire;
use crate::reviews::{by, under_review};
use crate::samples::{accepted, action, minute, record, row_key, scope, with_effects};
use crate::schedules::put;

/// The variable that tells the child of the test below which file to write.
const FILE: &str = "SIGNALBOX_TEST_WRITER_FILE";

async fn open(path: PathBuf) -> Store {
    Store::open(Config::new(Backend::Embedded { path: Some(path) })).await.unwrap()
}

#[tokio::test]
async fn reopening_the_file_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signalbox.db");
    let effects = vec![Effect::pending("a", action("a", None))];
    let record = with_effects(record("business", "in-1", minute(1)), effects);
    let input = accepted("business", "in-2", minute(2));
    let (scope, key) = (scope("business"), row_key("p", "s"));
    {
        let store = open(path.clone()).await;
        store.commit_decision(&record).await.unwrap();
        store.accept_input(&input).await.unwrap();
        store.put_journal("dec_1", b"journal").await.unwrap();
        store.put_row(&scope, &key, r#"{"a":1}"#, RowCondition::Absent, "k").await.unwrap();
    }
    let store = open(path).await;
    assert_eq!(store.decision(&record.decision.id, "business").await.unwrap(), Some(record.clone()));
    assert_eq!(store.commit_decision(&record).await.unwrap(), Committed::Duplicate(Box::new(record.clone())));
    assert_eq!(store.pending_decisions(minute(9), 10).await.unwrap(), [record]);
    assert_eq!(store.pending_inputs(10).await.unwrap(), [input]);
    assert_eq!(store.journal("dec_1").await.unwrap().as_deref(), Some(&b"journal"[..]));
    assert_eq!(store.row(&scope, &key).await.unwrap().unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_file_write_at_once_and_see_each_others_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signalbox.db");
    let stores = [open(path.clone()).await, open(path).await];
    let writing = stores.clone().map(|store| {
        tokio::spawn(async move {
            let mut new = 0;
            for n in 0..40 {
                let record = record("business", &format!("in-{n}"), minute(1));
                new += u32::from(store.commit_decision(&record).await.unwrap() == Committed::New);
            }
            new
        })
    });
    let mut new = 0;
    for written in writing {
        new += written.await.unwrap();
    }
    assert_eq!(new, 40);
    for store in stores {
        for n in 0..40 {
            let id = signalbox_model::decision_id("business", &format!("in-{n}"));
            assert!(store.decision(&id, "business").await.unwrap().is_some());
        }
    }
}

#[tokio::test]
async fn a_file_that_is_empty_or_gone_is_not_opened_beside_a_log_that_holds_something() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signalbox.db");
    let store = open(path.clone()).await;
    store.accept_input(&accepted("business", "in-1", minute(1))).await.unwrap();
    let (other, log) = (folder.path().join("other.db"), folder.path().join("other.db-wal"));
    std::fs::copy(folder.path().join("signalbox.db-wal"), &log).unwrap();
    let config = || Config::new(Backend::Embedded { path: Some(other.clone()) });
    for is_there in [false, true] {
        if is_there {
            std::fs::write(&other, "").unwrap();
        }
        let error = Store::open(config()).await.unwrap_err();
        assert!(matches!(&error, StoreError::Open { reason, .. } if reason.contains("empty or gone")), "{error}");
        assert!(std::fs::metadata(&log).unwrap().len() > 0, "the log is gone");
    }
    std::fs::remove_file(&log).unwrap();
    Store::open(config()).await.unwrap();
}

#[tokio::test]
async fn reopening_the_file_keeps_reviews_schedules_and_claims() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signalbox.db");
    let effects = || vec![Effect::withheld("a", action("a", None))];
    let (open_review, ended) =
        (under_review("b", 1, Some(minute(9)), effects()), under_review("b", 2, None, effects()));
    let (schedule, tick, resolved) = {
        let store = open(path.clone()).await;
        store.commit_decision(&open_review).await.unwrap();
        store.commit_decision(&ended).await.unwrap();
        let approval = by("ana", ReviewVerdict::Approve);
        let resolved = store.resolve_review(&ended.decision.id, "b", &approval).await.unwrap();
        let Resolved::Done(resolved) = resolved else { panic!("{resolved:?}") };
        let schedule = put(&store, "b", "daily", minute(1)).await;
        let tick = fire(&schedule, minute(8), "host-1");
        assert_eq!(store.claim_fire(&tick).await.unwrap(), FireClaim::Won);
        (schedule, tick, resolved)
    };
    let store = open(path).await;
    assert_eq!(store.pending_reviews("b", None, 10).await.unwrap().items, std::slice::from_ref(&open_review));
    assert_eq!(store.expired_reviews(minute(9), 10).await.unwrap(), [open_review]);
    assert_eq!(store.decision(&ended.decision.id, "b").await.unwrap(), Some(*resolved));
    assert_eq!(store.all_schedules(None, 10).await.unwrap().items, [schedule]);
    assert_eq!(store.claim_fire(&tick).await.unwrap(), FireClaim::Lost);
    assert_eq!(store.unfinished_fires(tick.lease_until, 10).await.unwrap(), [tick]);
}

/// A child process commits decisions and prints one line for each. It is killed in the middle, and every decision that
/// it printed is stored.
#[tokio::test]
async fn what_was_answered_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signalbox.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durability::writer_that_is_killed", "--ignored", "--nocapture"])
        .env(FILE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some((_, id)) = line.unwrap().split_once("committed ") {
            told.push(id.to_owned());
        }
        if told.len() == 40 {
            break;
        }
    }
    // SIGKILL on Unix.
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(told.len(), 40);
    let store = open(path).await;
    for id in told {
        assert!(store.decision(&id, "business").await.unwrap().is_some(), "{id} is lost");
    }
}

#[tokio::test]
#[ignore = "run as a child process by what_was_answered_survives_kill_9"]
async fn writer_that_is_killed() {
    let Ok(path) = std::env::var(FILE) else { return };
    let store = open(PathBuf::from(path)).await;
    for n in 0.. {
        let record = record("business", &format!("in-{n}"), minute(1));
        assert_eq!(store.commit_decision(&record).await.unwrap(), Committed::New);
        // Written directly to the pipe, because `println!` would stay in the test harness's buffer.
        writeln!(std::io::stdout(), "committed {}", record.decision.id).unwrap();
        std::io::stdout().flush().unwrap();
    }
}
