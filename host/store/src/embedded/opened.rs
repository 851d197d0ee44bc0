//! The database while it is open, and while it is closed because of an error and verified.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use dynoxide::Database;

use super::files::{FileChange, Files, LogIs, WholeFile, may_be_opened, verify};
use super::private;

/// The shortest time between two attempts to open the database again.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// A database that SQLite keeps in memory as a file of one connection. With `:memory:` the page cache is the database,
/// and every split of a page makes the commit scan the whole cache, so that each split costs more than the one before:
/// a split moves pages by way of page 262,145, which `pcache1Truncate` then removes. `.cargo/config.toml` sets the
/// largest size of such a file.
const IN_MEMORY: &str = "file:store?vfs=memdb";

/// The database, and the log that is synced before answers are sent.
pub(super) struct OpenedDatabase {
    pub database: Arc<Database>,
    /// None when there is no file, or when SQLite syncs the log itself.
    pub log: Option<File>,
    /// None when there is no file.
    files: Option<Files>,
}

impl OpenedDatabase {
    pub fn open(path: Option<&Path>) -> Result<Self, String> {
        let Some(path) = path else {
            let database = Database::new(IN_MEMORY).map_err(|error| error.to_string())?;
            return Ok(Self { database: Arc::new(database), log: None, files: None });
        };
        may_be_opened(path)?;
        private::keep_private(path)?;
        let name = path.to_str().ok_or("its path is not UTF-8")?;
        let database = Database::new(name).map_err(|error| error.to_string())?;
        let files = Files::open(path)?;
        let log = match files.log() {
            Ok(log) => {
                // Sets `synchronous=NORMAL`: the host syncs the log itself, and SQLite syncs it before it moves the log
                // into the file.
                database.disable_bulk_loading().map_err(|error| error.to_string())?;
                Some(log)
            }
            Err(error) => {
                tracing::warn!(%error, "the embedded store syncs after every write, which is slow");
                None
            }
        };
        Ok(Self { database: Arc::new(database), log, files: Some(files) })
    }

    /// Why the latest writes may not be durable; none when they are.
    pub fn trouble(&mut self, wrote: bool) -> Option<FileChange> {
        if let (Some(log), true) = (&self.log, wrote)
            && let Err(error) = log.sync_data()
        {
            return Some(FileChange { reason: format!("its log cannot be synced: {error}"), log: LogIs::Untouched });
        }
        self.changed()
    }

    /// Changes to the files from outside since the last check.
    pub fn changed(&mut self) -> Option<FileChange> {
        self.files.as_mut().and_then(Files::changed)
    }

    /// Whether there is a file that can be closed and opened again.
    pub fn has_files(&self) -> bool {
        self.files.is_some()
    }

    /// Closes the database as at a regular end.
    pub fn close(self) {
        let Self { database, log, files } = self;
        drop((database, log));
        if let Some(files) = files {
            files.release();
        }
    }
}

/// A database that is closed because of an error. It is neither read nor written before it was verified.
pub(super) struct Closed {
    path: PathBuf,
    whole: Option<WholeFile>,
    reason: String,
    /// Whether acknowledged writes may be lost. Then only an operator may decide to go on.
    lost: bool,
    /// The old database, which callers may still have open.
    old: Weak<Database>,
    /// Dropped after all other connections, so that the log stays as it is.
    files: Option<Files>,
    verifying: Option<mpsc::Receiver<Result<OpenedDatabase, String>>>,
    next: Instant,
}

impl Closed {
    /// Closes a database without touching its files, except that it saves the content of a log that other processes
    /// cannot find.
    pub fn of(opened: OpenedDatabase, path: &Path, change: FileChange) -> Self {
        let (old, whole) = (Arc::downgrade(&opened.database), opened.files.as_ref().and_then(Files::whole));
        let lost = match change.log {
            LogIs::Untouched => false,
            LogIs::OutOfReach => !opened.files.as_ref().is_some_and(Files::move_log_into_file),
            LogIs::Cut => true,
        };
        let OpenedDatabase { database, log, files } = opened;
        drop((database, log));
        let (path, reason, next) = (path.to_owned(), change.reason, Instant::now());
        Self { path, whole, reason, lost, old, files, verifying: None, next }
    }

    /// The error for calls while the database is closed.
    pub fn reason(&self) -> String {
        if self.lost {
            return format!(
                "the embedded store takes nothing, because {}, and with it what was stored last: restore a backup, or \
                 restart the host to go on with what is left",
                self.reason
            );
        }
        format!("the embedded store takes nothing until its file was verified: {}", self.reason)
    }

    /// The database, once it was verified and opened again. Does not wait: a separate thread reads the file.
    pub fn opened_again(&mut self) -> Option<OpenedDatabase> {
        let Some(verifying) = &self.verifying else {
            if !self.lost && Instant::now() >= self.next && self.old.strong_count() == 0 {
                self.files = None;
                self.verify();
            }
            return None;
        };
        let verified = match verifying.try_recv() {
            Ok(verified) => verified,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("the thread that verifies it has ended".to_owned()),
        };
        self.verifying = None;
        self.next = Instant::now() + TRY_AGAIN;
        match verified {
            Ok(opened) => Some(opened),
            Err(reason) => {
                if reason != self.reason {
                    tracing::error!(reason, path = %self.path.display(), "the embedded store stays closed");
                    self.reason = reason;
                }
                None
            }
        }
    }

    fn verify(&mut self) {
        let (tell, told) = mpsc::sync_channel(1);
        let (path, whole) = (self.path.clone(), self.whole);
        let work = move || {
            let _ = tell.send(verify(&path, whole).and_then(|()| OpenedDatabase::open(Some(&path))));
        };
        match thread::Builder::new().name("store-verify".to_owned()).spawn(work) {
            Ok(_) => self.verifying = Some(told),
            Err(error) => {
                tracing::error!(%error, "the embedded store cannot be verified");
                self.next = Instant::now() + TRY_AGAIN;
            }
        }
    }
}
