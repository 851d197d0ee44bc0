//! DynamoDB without a server: what the store asks is answered by Dynoxide in this process.
//!
//! Dynoxide commits every write to SQLite's write-ahead log. SQLite itself would sync the log after every one of them,
//! which makes a write as slow as the disk; instead, the calls that wait at the same moment are run together, their
//! writes in one transaction where none is refused, the log is synced once, and only then are they answered. So what
//! was answered outlives `kill -9` and power loss all the same.

use std::path::Path;
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use dynoxide::{Database, DynoxideError};
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;

mod call;
mod files;
mod opened;
mod operations;
mod private;
mod tables;
mod values;

pub(crate) use operations::DatabaseOperation;
pub(crate) use values::{inward_item, outward_item};

use call::{EmbeddedCall, QueuedCall, Trouble, write_together};
use files::{FileChange, LogIs};
use opened::{Closed, OpenedDatabase};

/// Calls that may wait for the database; more wait for a place, up to their deadline.
const QUEUE: usize = 1024;

/// Calls that are answered after one sync of the log.
const BATCH: usize = 64;

/// How often expired items are deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(15 * 60);

/// The database in this process. Cheap to clone; it is closed when the last clone is gone.
#[derive(Clone, Debug)]
pub(crate) struct Embedded {
    calls: mpsc::Sender<Box<dyn EmbeddedCall>>,
    /// What to say when nothing more fits.
    full: &'static str,
}

/// The thread that owns the database is gone.
#[derive(Debug, thiserror::Error)]
#[error("the embedded store has stopped; restart the host")]
pub(crate) struct Stopped;

impl Embedded {
    /// Opens or creates the database in a file, or in memory. SQLite blocks, so the database has a thread to itself
    /// that ends when the last client is gone.
    pub(crate) async fn open(path: Option<&Path>) -> Result<Self, StoreError> {
        let shown = path.map_or_else(|| "in memory".to_owned(), |path| path.display().to_string());
        let failed = move |reason: String| StoreError::Open { path: shown, reason };
        let full = path.map_or(MEMORY_IS_FULL, |_| DISK_IS_FULL);
        let path = path.map(Path::to_owned);
        let of_file = path.clone();
        let opened = tokio::task::spawn_blocking(move || OpenedDatabase::open(of_file.as_deref())).await;
        let opened = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(reason)) => return Err(failed(reason)),
            Err(error) => return Err(failed(error.to_string())),
        };
        let (calls, queue) = mpsc::channel(QUEUE);
        let serving =
            thread::Builder::new().name("store".to_owned()).spawn(move || serve(opened, path.as_deref(), queue));
        serving.map_err(|error| failed(error.to_string()))?;
        Ok(Self { calls, full })
    }

    /// Has the database do something, and waits until that is synced.
    pub(crate) async fn ask<O: DatabaseOperation>(
        &self,
        operation: O,
    ) -> Result<dynoxide::Result<O::Response>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.calls.send(Box::new(QueuedCall { operation, answer })).await.map_err(|_| Stopped)?;
        let said = answered.await.map_err(|_| Stopped)?;
        Ok(said.map_err(|error| says_what_is_full(error, self.full)))
    }
}

/// SQLite says of both that "database or disk is full", and nothing of what to do.
fn says_what_is_full(error: DynoxideError, full: &str) -> DynoxideError {
    let is_full = error.status_code() == 500 && error.to_string().contains("disk is full");
    if is_full { DynoxideError::InternalServerError(full.to_owned()) } else { error }
}

const MEMORY_IS_FULL: &str = "a store in memory ends at 2 GiB, and nothing more fits; restart the host with \
                              `backend = \"embedded\"`, which keeps it in a file";
const DISK_IS_FULL: &str = "the disk of its file is full; make room, and ask again";

/// Answers calls until the last client is gone: all that wait are run one after another, then their writes are synced,
/// then they are answered. Once something has happened after which nobody knows what the files hold, all that wait are
/// told so and the database is closed; it takes calls again when it was verified.
fn serve(opened: OpenedDatabase, path: Option<&Path>, mut queue: mpsc::Receiver<Box<dyn EmbeddedCall>>) {
    let (stop, stopped) = std_mpsc::channel();
    let swept = Arc::new(Mutex::new(Arc::downgrade(&opened.database)));
    let sweeping = swept.clone();
    let sweeper = thread::Builder::new().name("store-sweep".to_owned()).spawn(move || sweep(&sweeping, &stopped));
    if let Err(error) = &sweeper {
        tracing::warn!(%error, "expired items of the embedded store will not be deleted");
    }
    let mut state = State::Open(opened);
    let mut calls = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut calls, BATCH) > 0 {
        // A caller whose deadline has passed is gone; its write must not happen after it was told of the timeout.
        calls.retain(|call| call.is_waited_for());
        state = match state {
            State::Open(opened) => batch(opened, path, &mut calls),
            State::Closed(closed) => again(closed, path, &mut calls, &swept),
        };
    }
    drop(stop);
    if let State::Open(opened) = state {
        opened.close();
    }
    if let Ok(sweeper) = sweeper {
        let _ = sweeper.join();
    }
}

/// How the database stands.
enum State {
    Open(OpenedDatabase),
    Closed(Closed),
}

/// Runs calls and answers them.
fn batch(mut opened: OpenedDatabase, path: Option<&Path>, calls: &mut Vec<Box<dyn EmbeddedCall>>) -> State {
    // Before anything is written: a log that was cut grows again with the next write, and then nobody sees the gap in
    // it.
    if let Some(change) = opened.changed() {
        let closed = close(opened, path, change);
        for call in calls.drain(..) {
            call.refuse(DynoxideError::InternalServerError(closed.reason()));
        }
        return State::Closed(closed);
    }
    let wrote = calls.iter().any(|call| call.writes());
    let mut trouble = Trouble::default();
    let written = write_together(&opened.database, calls, &mut trouble);
    let mut answers = Vec::with_capacity(calls.len());
    for (place, call) in calls.drain(..).enumerate() {
        answers.push(match written.contains(&place) {
            true => call.written(),
            false => call.run(&opened.database, &mut trouble),
        });
    }
    let said = trouble.reason.map(|reason| FileChange { reason, log: LogIs::Untouched });
    let Some(change) = opened.trouble(wrote).or(said).filter(|_| opened.has_files()) else {
        for tell in answers {
            tell(Ok(()));
        }
        return State::Open(opened);
    };
    let closed = close(opened, path, change);
    for tell in answers {
        tell(Err(DynoxideError::InternalServerError(closed.reason())));
    }
    State::Closed(closed)
}

fn close(opened: OpenedDatabase, path: Option<&Path>, change: FileChange) -> Closed {
    tracing::error!(
        reason = change.reason,
        path = ?path.map(Path::display),
        "the embedded store is closed; what was asked last may or may not have happened"
    );
    Closed::of(opened, path.unwrap_or(Path::new("")), change)
}

/// Answers calls when the database was opened again, else refuses them.
fn again(
    mut closed: Closed,
    path: Option<&Path>,
    calls: &mut Vec<Box<dyn EmbeddedCall>>,
    swept: &Mutex<Weak<Database>>,
) -> State {
    let Some(opened) = closed.opened_again() else {
        for call in calls.drain(..) {
            call.refuse(DynoxideError::InternalServerError(closed.reason()));
        }
        return State::Closed(closed);
    };
    tracing::info!(path = ?path.map(Path::display), "the embedded store was verified and takes calls again");
    *swept.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&opened.database);
    batch(opened, path, calls)
}

/// Deletes expired items now and then, until the serving thread drops its end.
fn sweep(database: &Mutex<Weak<Database>>, stopped: &std_mpsc::Receiver<()>) {
    while let Err(std_mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(SWEEP_EVERY) {
        let database = database.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        match database.map_or(Ok(0), |database| database.sweep_ttl()) {
            Ok(0) => {}
            Ok(deleted) => tracing::debug!(deleted, "deleted expired items"),
            Err(error) => tracing::warn!(%error, "expired items could not be deleted"),
        }
    }
}

#[cfg(test)]
mod tests;
