//! The folder of compiled components: native code, named by the component's digest and the engine's settings, and
//! sealed with a MAC. Native code runs without further checks, so a file with a wrong seal is never loaded.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac as _};
use rustix::fs::{Mode, OFlags};
use sha2::Sha256;

use crate::error::SandboxError;
use crate::metrics;
use crate::scheduler::chunked_io::{self, Chunked};

type Seal = Hmac<Sha256>;

const SEAL_BYTES: usize = 32;
const KEY_FILE: &str = "seal.key";

/// The folder of compiled components.
pub(crate) struct Cache {
    folder: PathBuf,
    opened: File,
    key: [u8; 32],
}

impl Cache {
    /// Opens a folder, and creates it and its key if they do not exist.
    pub fn open(folder: &Path) -> Result<Self, SandboxError> {
        let refused = |reason: String| SandboxError::Cache { path: folder.to_owned(), reason };
        let wrong = |error: std::io::Error| refused(error.to_string());
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(wrong)?;
        // The folder stays open, so that later reads use the folder that was checked, even when its path leads
        // elsewhere by then.
        let opened = File::open(folder).map_err(wrong)?;
        check_owner(&opened, "the folder").map_err(refused)?;
        let path = folder.join(KEY_FILE);
        if !path.exists() {
            let key: [u8; 32] = rand::random();
            // The file appears complete or not at all, and only its owner can read it. If another process was quicker,
            // its key is used.
            let mut file = tempfile::NamedTempFile::new_in(folder).map_err(wrong)?;
            file.write_all(&key).and_then(|()| file.as_file().sync_all()).map_err(wrong)?;
            match file.persist_noclobber(&path) {
                Ok(_) => {}
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(wrong(error.error)),
            }
        }
        let mut cache = Self { folder: folder.to_owned(), opened, key: [0; 32] };
        let file = cache.file(KEY_FILE).map_err(wrong)?;
        check_owner(&file, KEY_FILE).map_err(refused)?;
        let mut key = Vec::new();
        file.take(cache.key.len() as u64 + 1).read_to_end(&mut key).map_err(wrong)?;
        cache.key = <[u8; 32]>::try_from(key).map_err(|_| {
            refused(format!("{KEY_FILE} has not 32 bytes; remove the folder, and it will be made anew"))
        })?;
        Ok(cache)
    }

    /// A file of the folder itself, without following a link.
    fn file(&self, name: &str) -> std::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.opened, name, flags, Mode::empty())?))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension("cwasm")
    }

    fn seal(&self, name: &str, code: &[u8]) -> Option<Seal> {
        let mut seal = Seal::new_from_slice(&self.key).ok()?;
        seal.update(name.as_bytes());
        seal.update(&[0]);
        seal.update(code);
        Some(seal)
    }

    /// The file of native code under a name, if its seal is right. The seal follows the code in the file.
    pub fn read(&self, name: &str) -> Option<File> {
        let file = self.file(&format!("{name}.cwasm")).ok()?;
        let metadata = file.metadata().ok()?;
        let size = metadata.is_file().then_some(metadata.len())?;
        let bytes = chunked_io::read(&file, size).ok()?;
        let (code, sealed) = bytes.split_at(bytes.len().checked_sub(SEAL_BYTES)?);
        let sealed = self.seal(name, code)?.verify_slice(sealed).is_ok();
        // A user who may write the file could still change it, so the owner is checked too.
        if !sealed || check_owner(&file, name).is_err() {
            metrics::cache("refused");
            tracing::warn!(file = %self.path(name).display(), "compiled component does not match its seal; compiling it again");
            return None;
        }
        Some(file)
    }

    /// Stores native code under a name. An error is logged only, because without the cache the host merely compiles
    /// again.
    pub fn write(&self, name: &str, code: &[u8]) {
        let Some(seal) = self.seal(name, code) else { return };
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            Chunked(&mut file).write_all(code)?;
            file.write_all(&seal.finalize().into_bytes())?;
            file.as_file().sync_all()?;
            file.persist(self.path(name)).map_err(|error| error.error)?;
            Ok(())
        };
        if let Err(error) = write() {
            tracing::warn!(folder = %self.folder.display(), %error, "cannot keep a compiled component");
        }
    }
}

/// Checks that a file belongs to the user of this process or to root, because code from the cache is run. Removes the
/// read permissions of others; `what` is the file's name in errors.
fn check_owner(file: &File, what: &str) -> Result<(), String> {
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    let (owner, mode, own) = (metadata.uid(), metadata.mode() & 0o7777, rustix::process::geteuid().as_raw());
    if owner != own && owner != 0 {
        return Err(format!(
            "{what} belongs to user {owner}, and this process is user {own}: native code from there would be run; name a \
             folder of its own under `cache` in [sandbox]"
        ));
    }
    if mode & 0o022 != 0 {
        return Err(format!(
            "others may write {what} (mode {mode:03o}), and native code from there would be run; remove the folder, and it \
             will be made anew for this user alone, or name another under `cache` in [sandbox]"
        ));
    }
    if owner == own && mode & 0o077 != 0 {
        let closed = file.set_permissions(Permissions::from_mode(mode & !0o077));
        closed.map_err(|error| format!("{what} cannot be closed to others: {error}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_cache_that_others_can_write_is_refused_in_words() {
        let mode = |path: &Path, mode: u32| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("compiled");
        let refused = || match Cache::open(&path) {
            Err(error) => error.to_string(),
            Ok(_) => "it is used".to_owned(),
        };
        Cache::open(&path).unwrap().write("one", b"native code");
        for open in [0o777, 0o770, 0o1777, 0o702] {
            mode(&path, open);
            let said = refused();
            assert!(said.contains("others may write the folder") && said.contains("[sandbox]"), "{open:o}: {said}");
        }
        mode(&path, 0o755);
        for open in [0o666, 0o620] {
            mode(&path.join(KEY_FILE), open);
            assert!(refused().contains("others may write seal.key"), "{open:o}: {}", refused());
        }
        mode(&path.join(KEY_FILE), 0o644);
        let cache = Cache::open(&path).unwrap();
        let found = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(
            (found(&path), found(&path.join(KEY_FILE))),
            (0o700, 0o600),
            "what others may read is closed to them"
        );
        assert!(cache.read("one").is_some());
        mode(&cache.path("one"), 0o646);
        assert!(cache.read("one").is_none(), "it could be changed while it is run");
    }

    #[test]
    fn a_cache_of_another_user_is_refused_in_words() {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root can give a folder away");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("compiled");
        Cache::open(&path).unwrap();
        for given in [path.join(KEY_FILE), path.clone()] {
            std::os::unix::fs::chown(&given, Some(12345), None).unwrap();
            let Err(error) = Cache::open(&path) else { panic!("it is used") };
            assert!(error.to_string().contains("belongs to user 12345"), "{error}");
        }
    }

    #[test]
    fn a_link_in_the_cache_leads_nowhere() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (cache, others) = (Cache::open(folder.path()).unwrap(), Cache::open(other.path()).unwrap());
        cache.write("one", b"native code");
        fs::rename(cache.path("one"), other.path().join("one.cwasm")).unwrap();
        std::os::unix::fs::symlink(other.path().join("one.cwasm"), cache.path("one")).unwrap();
        assert!(cache.read("one").is_none());
        fs::remove_file(folder.path().join(KEY_FILE)).unwrap();
        std::os::unix::fs::symlink(others.folder.join(KEY_FILE), folder.path().join(KEY_FILE)).unwrap();
        assert!(Cache::open(folder.path()).is_err());
    }

    #[test]
    fn code_that_was_tampered_with_is_never_read() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        cache.write("one", b"native code");
        assert!(cache.read("one").is_some());
        let mut file = fs::read(cache.path("one")).unwrap();
        file[3] ^= 1;
        fs::write(cache.path("one"), &file).unwrap();
        assert!(cache.read("one").is_none());
    }

    #[test]
    fn processes_that_start_together_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| Cache::open(folder.path()).unwrap().key)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn nobody_else_may_read_the_key() {
        let folder = tempfile::tempdir().unwrap();
        Cache::open(folder.path()).unwrap();
        let mode = fs::metadata(folder.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }

    #[test]
    fn code_is_not_read_under_another_name_or_key() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        cache.write("one", b"native code");
        fs::copy(cache.path("one"), cache.path("two")).unwrap();
        assert!(cache.read("two").is_none());
        fs::remove_file(folder.path().join(KEY_FILE)).unwrap();
        assert!(Cache::open(folder.path()).unwrap().read("one").is_none());
    }
}
