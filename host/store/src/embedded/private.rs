//! Keeps the files of the embedded store, which hold personal messages, accessible to their owner alone, whatever the
//! umask is.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// The files that SQLite writes beside the database file; it creates them with the permissions of that file.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The permission bits of group and others.
const OTHERS: u32 = 0o077;

/// Creates the store's file if it does not exist, and removes the permissions of other users from it and from the files
/// beside it.
pub(super) fn keep_private(path: &Path) -> Result<(), String> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| format!("its folder cannot be made: {error}"))?;
    }
    if !path.exists() {
        let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        made.map_err(|error| format!("it cannot be made: {error}"))?;
    }
    close_to_others(path)?;
    // SQLite puts its files beside the file itself, not beside a symbolic link to it.
    let real = path.canonicalize().map_err(|error| error.to_string())?;
    for suffix in BESIDE {
        let mut name = real.clone().into_os_string();
        name.push(suffix);
        close_to_others(Path::new(&name))?;
    }
    Ok(())
}

/// Uses the path and does not open the file: when a process opens a file of SQLite a second time and closes it, it
/// loses SQLite's locks.
fn close_to_others(path: &Path) -> Result<(), String> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("{} cannot be looked at: {error}", path.display())),
    };
    let mode = metadata.mode() & 0o777;
    if mode & OTHERS == 0 || !metadata.is_file() {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS)) {
        Ok(()) => {
            let mode = format!("{mode:03o}");
            tracing::warn!(file = %path.display(), mode, "others could use a file of the store; now they cannot");
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!(
            "others may use {} (mode {mode:03o}, of user {}), and that cannot be changed: {error}; let it belong to the user \
             of the host, and run `chmod 600` on it",
            path.display(),
            metadata.uid()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn the_stores_files_are_nobody_elses_whoever_made_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/deep/store.db");
        keep_private(&path).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        for name in ["store.db", "store.db-wal", "store.db-shm"] {
            let path = path.with_file_name(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        }
        keep_private(&path).unwrap();
        for name in ["store.db", "store.db-wal", "store.db-shm"] {
            assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
        }
    }

    #[tokio::test]
    async fn what_sqlite_writes_beside_the_file_is_nobody_elses_either() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let backend = crate::Backend::Embedded { path: Some(path.clone()) };
        let _store = crate::Store::open(crate::Config::new(backend)).await.unwrap();
        for name in ["store.db", "store.db-wal", "store.db-shm"] {
            assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
        }
    }
}
