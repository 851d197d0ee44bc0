//! DynamoDB without a server: Dynoxide in this process answers the store's calls.
//!
//! Dynoxide commits every write to SQLite's write-ahead log. If SQLite synced the log after each write, a write would
//! be as slow as the disk. Instead, the calls that wait at the same moment run together: their writes in one
//! transaction if none is refused, then one sync of the log, and only then their answers. So every answered write
//! survives `kill -9` and power loss.

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

/// The most calls that wait in the queue; further calls wait for a place in it, up to their deadline.
const QUEUE: usize = 1024;

/// The most calls that share one sync of the log.
const BATCH: usize = 64;

/// How often expired items are deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(15 * 60);

/// The database in this process. Cheap to clone; it is closed when the last clone is gone.
#[derive(Clone, Debug)]
pub(crate) struct Embedded {
    calls: mpsc::Sender<Box<dyn EmbeddedCall>>,
    /// The message when the disk or the memory is full.
    full: &'static str,
}

/// The error when the thread that owns the database has ended.
#[derive(Debug, thiserror::Error)]
#[error("the embedded store has stopped; restart the host")]
pub(crate) struct Stopped;

impl Embedded {
    /// Opens or creates the database in a file, or in memory. SQLite blocks, so the database has its own thread, which
    /// ends when the last client is dropped.
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

    /// Runs an operation, and waits until its result is synced.
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

/// Replaces SQLite's "database or disk is full", which does not say what to do.
fn says_what_is_full(error: DynoxideError, full: &str) -> DynoxideError {
    let is_full = error.status_code() == 500 && error.to_string().contains("disk is full");
    if is_full { DynoxideError::InternalServerError(full.to_owned()) } else { error }
}

const MEMORY_IS_FULL: &str = "a store in memory ends at 2 GiB, and nothing more fits; restart the host with \
                              `backend = \"embedded\"`, which keeps it in a file";
const DISK_IS_FULL: &str = "the disk of its file is full; make room, and ask again";

/// Answers calls until the last client is dropped. All waiting calls run one after another, then their writes are
/// synced, then they are answered. After an error that leaves the content of the files unknown, all waiting calls get
/// that error and the database is closed; it takes calls again once it was verified.
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
        // A caller whose deadline has passed was told of the timeout, so its write must not happen afterwards.
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

/// The state of the database.
enum State {
    Open(OpenedDatabase),
    Closed(Closed),
}

/// Runs calls and answers them.
fn batch(mut opened: OpenedDatabase, path: Option<&Path>, calls: &mut Vec<Box<dyn EmbeddedCall>>) -> State {
    // Checked before each write: the next write would let a truncated log grow again and hide the gap.
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

/// Answers calls if the database could be opened again; otherwise refuses them.
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

/// Deletes expired items at an interval, until the serving thread drops its end of the channel.
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
