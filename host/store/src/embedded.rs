//! DynamoDB without a server: what the store asks is answered by Dynoxide in this process.
//!
//! Dynoxide commits every write to SQLite's write-ahead log. SQLite itself would sync the log after every one of them,
//! which makes a write as slow as the disk; instead, the calls that wait at the same moment are run together, their writes
//! in one transaction where none is refused, the log is synced once, and only then are they answered. So what was answered outlives `kill -9` and power loss all the same.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::Duration;

use dynoxide::{Database, DynoxideError};
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;

mod call;
mod files;
mod operations;
mod tables;
mod values;

pub(crate) use operations::Operation;
pub(crate) use values::{inward_item, outward_item};

use call::{Asked, Call, write_together};

/// Calls that may wait for the database; more wait for a place, up to their deadline.
const QUEUE: usize = 1024;

/// Calls that are answered after one sync of the log.
const BATCH: usize = 64;

/// How often expired items are deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(15 * 60);

/// The database in this process. Cheap to clone; it is closed when the last clone is gone.
#[derive(Clone, Debug)]
pub(crate) struct Embedded {
    calls: mpsc::Sender<Box<dyn Call>>,
    /// What to say when nothing more fits.
    full: &'static str,
}

/// The thread that owns the database is gone.
#[derive(Debug, thiserror::Error)]
#[error("the embedded store has stopped; restart the host")]
pub(crate) struct Stopped;

impl Embedded {
    /// Opens or creates the database in a file, or in memory. SQLite blocks, so the database has a thread to itself that
    /// ends when the last client is gone.
    pub(crate) async fn open(path: Option<&Path>) -> Result<Self, StoreError> {
        let shown = path.map_or_else(|| "in memory".to_owned(), |path| path.display().to_string());
        let failed = move |reason: String| StoreError::Open { path: shown, reason };
        let full = path.map_or(MEMORY_IS_FULL, |_| DISK_IS_FULL);
        let path = path.map(Path::to_owned);
        let opened = tokio::task::spawn_blocking(move || open_database(path.as_deref())).await;
        let database = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(reason)) => return Err(failed(reason)),
            Err(error) => return Err(failed(error.to_string())),
        };
        let (calls, queue) = mpsc::channel(QUEUE);
        let serving = thread::Builder::new().name("store".to_owned()).spawn(move || serve(&database, queue));
        serving.map_err(|error| failed(error.to_string()))?;
        Ok(Self { calls, full })
    }

    /// Has the database do something, and waits until that is synced.
    pub(crate) async fn ask<O: Operation>(&self, operation: O) -> Result<dynoxide::Result<O::Response>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.calls.send(Box::new(Asked { operation, answer })).await.map_err(|_| Stopped)?;
        let said = answered.await.map_err(|_| Stopped)?;
        Ok(said.map_err(|error| says_what_is_full(error, self.full)))
    }
}

/// SQLite says of both that "database or disk is full", and nothing of what to do.
fn says_what_is_full(error: DynoxideError, full: &str) -> DynoxideError {
    let is_full = error.status_code() == 500 && error.to_string().contains("disk is full");
    if is_full { DynoxideError::InternalServerError(full.to_owned()) } else { error }
}

/// The database, and the log to sync before answers.
struct Opened {
    database: Database,
    /// None when there is no file, or when SQLite syncs the log itself.
    log: Option<File>,
}

/// A file that SQLite keeps in memory, for this connection alone. With `:memory:` its page cache is the database, and whoever
/// splits a page has all of the cache looked through at the commit, so that each is dearer than the one before: splitting moves
/// pages by way of number 262,145, which `pcache1Truncate` then takes for one to be removed. How large such
/// a file may become is set in `.cargo/config.toml`.
const IN_MEMORY: &str = "file:store?vfs=memdb";

const MEMORY_IS_FULL: &str = "a store in memory ends at 2 GiB, and nothing more fits; restart the host with \
                              `backend = \"embedded\"`, which keeps it in a file";
const DISK_IS_FULL: &str = "the disk of its file is full; make room, and ask again";

fn open_database(path: Option<&Path>) -> Result<Opened, String> {
    let Some(path) = path else {
        let database = Database::new(IN_MEMORY).map_err(|error| error.to_string())?;
        return Ok(Opened { database, log: None });
    };
    files::keep_private(path)?;
    let name = path.to_str().ok_or("its path is not UTF-8")?;
    let database = Database::new(name).map_err(|error| error.to_string())?;
    // SQLite puts the log beside the file itself, not beside a link to it.
    let log = path.canonicalize().map(|path| format!("{}-wal", path.display()));
    let log = match log.and_then(|log| OpenOptions::new().write(true).open(log)) {
        Ok(log) => {
            // Sets `synchronous=NORMAL`: the log is synced by us, and by SQLite before it moves the log into the file.
            database.disable_bulk_loading().map_err(|error| error.to_string())?;
            Some(log)
        }
        Err(error) => {
            tracing::warn!(%error, "the embedded store syncs after every write, which is slow");
            None
        }
    };
    Ok(Opened { database, log })
}

/// Answers calls until the last client is gone: all that wait are run one after another, then their writes are synced,
/// then they are answered.
fn serve(opened: &Opened, mut queue: mpsc::Receiver<Box<dyn Call>>) {
    let (stop, stopped) = std_mpsc::channel();
    let sweeping = opened.database.clone();
    let sweeper = thread::Builder::new().name("store-sweep".to_owned()).spawn(move || sweep(&sweeping, &stopped));
    if let Err(error) = &sweeper {
        tracing::warn!(%error, "expired items of the embedded store will not be deleted");
    }
    let (mut calls, mut answers) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    while queue.blocking_recv_many(&mut calls, BATCH) > 0 {
        // A caller whose deadline has passed is gone; its write must not happen after it was told of the timeout.
        calls.retain(|call| call.is_waited_for());
        let wrote = calls.iter().any(|call| call.writes());
        let written = write_together(&opened.database, &calls);
        for (place, call) in calls.drain(..).enumerate() {
            answers.push(if written.contains(&place) { call.written() } else { call.run(&opened.database) });
        }
        let synced = match &opened.log {
            Some(log) if wrote => log.sync_data(),
            _ => Ok(()),
        };
        if let Err(error) = &synced {
            tracing::error!(%error, "the embedded store cannot sync its log; what it writes may be lost");
        }
        for tell in answers.drain(..) {
            let unsafe_to_say = "the embedded store cannot sync its log";
            tell(
                synced
                    .as_ref()
                    .map_or_else(|_| Err(DynoxideError::InternalServerError(unsafe_to_say.to_owned())), |()| Ok(())),
            );
        }
    }
    drop(stop);
    if let Ok(sweeper) = sweeper {
        let _ = sweeper.join();
    }
}

/// Deletes expired items now and then, until the serving thread drops its end.
fn sweep(database: &Database, stopped: &std_mpsc::Receiver<()>) {
    while let Err(std_mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(SWEEP_EVERY) {
        match database.sweep_ttl() {
            Ok(0) => {}
            Ok(deleted) => tracing::debug!(deleted, "deleted expired items"),
            Err(error) => tracing::warn!(%error, "expired items could not be deleted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_is_named_with_the_way_out() {
        // As SQLite's SQLITE_FULL comes out of Dynoxide, seen with a store in memory that was filled.
        let full = DynoxideError::InternalServerError("backend: database or disk is full".to_owned());
        assert!(says_what_is_full(full, MEMORY_IS_FULL).to_string().contains("embedded"));
        let other = DynoxideError::InternalServerError("backend: database is locked".to_owned());
        assert!(says_what_is_full(other, DISK_IS_FULL).to_string().contains("locked"));
    }
}
