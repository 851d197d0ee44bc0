//! Watches the files of a database on disk: whether they are still the opened ones, and whether their content is sound.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// How long the host waits for other processes to release a file.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name of the log in messages.
const LOG: &str = "log";

/// How much of the log is read at once.
const PIECE: usize = 256 * 1024;

/// The files, for as long as the database is open.
#[derive(Debug)]
pub(super) struct Files {
    watched: Vec<Watched>,
    log: PathBuf,
    /// A connection that stays open so that no other connection is the last one. The last connection to close the
    /// database moves the log into the file, which must not happen to files that may be damaged.
    keeper: Connection,
}

/// What happened to the files, and what that means for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileChange {
    pub reason: String,
    pub log: LogIs,
}

/// The state of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogIs {
    /// The log is unchanged.
    Untouched,
    /// Other processes cannot find the log any more, but an open connection can read all of it.
    OutOfReach,
    /// A part of the log is gone.
    Cut,
}

/// A file as it was when it was last checked.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    what: &'static str,
    id: FileId,
    size: u64,
}

/// The file as it must be before it is opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WholeFile {
    id: FileId,
    size: u64,
}

/// Identifies a file independently of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl Files {
    /// The files of the database that is open at this path.
    pub fn open(path: &Path) -> Result<Self, String> {
        // SQLite puts the other files beside the file itself, not beside a symbolic link to it.
        let path = path.canonicalize().map_err(|error| format!("its file cannot be looked at: {error}"))?;
        let log = beside(&path, "-wal");
        let keeper = keeper(&path)?;
        let mut watched = Vec::new();
        for (path, what) in [(path.clone(), "file"), (log.clone(), LOG), (beside(&path, "-shm"), "log's index")] {
            let (id, size) = look(&path).map_err(|error| format!("its {what} cannot be looked at: {error}"))?;
            watched.push(Watched { path, what, id, size });
        }
        Ok(Self { watched, log, keeper })
    }

    /// The log, for syncing.
    pub fn log(&self) -> io::Result<File> {
        OpenOptions::new().write(true).open(&self.log)
    }

    /// The file of the database, as it was when it was last found whole.
    pub fn whole(&self) -> Option<WholeFile> {
        self.watched.first().map(|file| WholeFile { id: file.id, size: file.size })
    }

    /// Changes to the files from outside, which SQLite with its open files would not notice. None of the files shrinks
    /// in normal operation.
    pub fn changed(&mut self) -> Option<FileChange> {
        self.watched.iter_mut().find_map(|file| {
            let what = file.what;
            let (reason, cut) = match look(&file.path) {
                Ok((id, _)) if id != file.id => (format!("its {what} was replaced by another one"), false),
                // An empty log may be one that another process has moved into the file.
                Ok((_, size)) if size < file.size => {
                    (format!("its {what} was cut from {} to {size} bytes", file.size), size > 0)
                }
                Ok((_, size)) => {
                    file.size = size;
                    return None;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => (format!("its {what} is gone"), false),
                Err(error) => (format!("its {what} cannot be looked at: {error}"), false),
            };
            let log = match (what == LOG, cut) {
                (false, _) => LogIs::Untouched,
                (true, false) => LogIs::OutOfReach,
                (true, true) => LogIs::Cut,
            };
            Some(FileChange { reason, log })
        })
    }

    /// Moves the content of the log into the file. The log must be complete, and the disk must work.
    pub fn move_log_into_file(&self) -> bool {
        let moved = self.keeper.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        match moved {
            Ok(busy) => busy == 0,
            Err(error) => {
                tracing::error!(%error, "what only the embedded store's log has cannot be moved into its file");
                false
            }
        }
    }

    /// Lets the last connection move the log into the file again, as at a regular end.
    pub fn release(self) {
        if let Err(error) = self.keeper.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false) {
            tracing::debug!(%error, "the log stays beside the embedded store's file");
        }
    }
}

/// Checks that a database that was closed because of an error may be opened again: the file is the same, its whole log
/// is on the disk, and its content is consistent. Takes as long as reading the whole file.
pub(super) fn verify(path: &Path, opened: Option<WholeFile>) -> Result<(), String> {
    let (found, size) = match look(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(
                "its file is gone; put it back, or remove its log too and restart the host to begin with an empty one"
                    .to_owned(),
            );
        }
        Err(error) => return Err(format!("its file cannot be looked at: {error}")),
    };
    if opened.is_some_and(|opened| opened.id != found) {
        return Err(
            "its file was replaced by another one; put the file back that the host has opened, or restart the \
                    host to go on with this one"
                .to_owned(),
        );
    }
    // Checked before SQLite opens the file: SQLite takes an empty file for a new database, finds no damage and deletes
    // its log.
    if let Some(whole) = opened.filter(|whole| size < whole.size) {
        return Err(damaged(&format!("it has {size} of {} bytes", whole.size)));
    }
    let path = path.canonicalize().map_err(|error| format!("its file cannot be looked at: {error}"))?;
    let database = keeper(&path).map_err(|error| {
        let is_damaged = ["malformed", "not a database"].iter().any(|said| error.contains(said));
        if is_damaged { damaged(&error) } else { error }
    })?;
    // A transaction keeps other processes from writing while the log is written.
    database.execute_batch("BEGIN IMMEDIATE").map_err(|error| format!("it cannot be written to: {error}"))?;
    write_again(&beside(&path, "-wal")).map_err(|error| format!("its log cannot be synced: {error}"))?;
    database.execute_batch("ROLLBACK").map_err(|error| error.to_string())?;
    let said: String = database
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(&error.to_string()))?;
    if said == "ok" {
        return Ok(());
    }
    Err(damaged(&said.split_whitespace().collect::<Vec<_>>().join(" ")))
}

fn damaged(said: &str) -> String {
    format!("its file is damaged ({said}); restore it from a backup and restart the host")
}

/// Checks that a file and its log may be opened at a start. SQLite deletes the log of an empty file, although the
/// stored data may be in the log alone.
pub(super) fn may_be_opened(path: &Path) -> Result<(), String> {
    // The log's size is read first, because a process that creates a database writes the file before the log.
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let log = beside(&path, "-wal");
    if size(&log) > 0 && size(&path) == 0 {
        return Err(format!(
            "it is empty or gone, but its log {} is not: restore both from a backup, or remove the log to begin with an \
             empty store",
            log.display()
        ));
    }
    Ok(())
}

/// A connection that does not move the log into the file when it is closed.
fn keeper(path: &Path) -> Result<Connection, String> {
    let open = || {
        // Without the flag CREATE, so that a missing file is not replaced by an empty one.
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // SQLite counts a connection among those with an open log only after it has read.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    open().map_err(|error: rusqlite::Error| format!("its file cannot be read: {error}"))
}

/// Writes the whole log once more, the same bytes at the same place, and syncs it. After a failed sync the kernel may
/// take unwritten pages for written, so that the next sync succeeds without writing them.
fn write_again(log: &Path) -> io::Result<()> {
    let file = match OpenOptions::new().read(true).write(true).open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let (mut piece, mut at) = (vec![0; PIECE], 0);
    loop {
        let read = file.read_at(&mut piece, at)?;
        if read == 0 {
            return file.sync_all();
        }
        file.write_all_at(piece.get(..read).unwrap_or_default(), at)?;
        at += read as u64;
    }
}

fn look(path: &Path) -> io::Result<(FileId, u64)> {
    let found = std::fs::metadata(path)?;
    Ok((FileId { device: found.dev(), inode: found.ino() }, found.len()))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
