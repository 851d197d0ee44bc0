//! The folder of compiled components: native code under the component's digest and the engine's settings, sealed with a
//! MAC. Native code runs as it is, so a file whose seal does not fit is never loaded.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::error::SandboxError;
use crate::metrics;
use crate::pieces::{self, Pieces};

type Seal = Hmac<Sha256>;

const SEAL_BYTES: usize = 32;
const KEY_FILE: &str = "seal.key";

/// The folder of compiled components.
pub(crate) struct Cache {
    folder: PathBuf,
    key: [u8; 32],
}

impl Cache {
    /// Opens a folder, making it and its key when they are not there yet.
    pub fn open(folder: &Path) -> Result<Self, SandboxError> {
        let wrong = |error: std::io::Error| SandboxError::Cache { path: folder.to_owned(), reason: error.to_string() };
        fs::create_dir_all(folder).map_err(wrong)?;
        let path = folder.join(KEY_FILE);
        if !path.exists() {
            let key: [u8; 32] = rand::random();
            // Appears whole or not at all, readable for its owner only; another process that was quicker has made a key
            // that is as good.
            let mut file = tempfile::NamedTempFile::new_in(folder).map_err(wrong)?;
            file.write_all(&key).and_then(|()| file.as_file().sync_all()).map_err(wrong)?;
            match file.persist_noclobber(&path) {
                Ok(_) => {}
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(wrong(error.error)),
            }
        }
        let key = fs::read(&path).map_err(wrong)?;
        let key = <[u8; 32]>::try_from(key).map_err(|_| SandboxError::Cache {
            path: folder.to_owned(),
            reason: format!("{KEY_FILE} has not 32 bytes; remove the folder, and it will be made anew"),
        })?;
        Ok(Self { folder: folder.to_owned(), key })
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

    /// The file of native code under a name, if its seal fits. What follows the code in it is the seal.
    pub fn read(&self, name: &str) -> Option<File> {
        let file = File::open(self.path(name)).ok()?;
        let size = file.metadata().ok()?.len();
        let bytes = pieces::read(&file, size).ok()?;
        let (code, sealed) = bytes.split_at(bytes.len().checked_sub(SEAL_BYTES)?);
        if self.seal(name, code)?.verify_slice(sealed).is_err() {
            metrics::cache("refused");
            tracing::warn!(file = %self.path(name).display(), "compiled component does not match its seal; compiling it again");
            return None;
        }
        Some(file)
    }

    /// Keeps native code under a name. A cache that cannot be written costs time, nothing else.
    pub fn write(&self, name: &str, code: &[u8]) {
        let Some(seal) = self.seal(name, code) else { return };
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            Pieces(&mut file).write_all(code)?;
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

#[cfg(test)]
mod tests {
    use super::*;

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

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_key() {
        use std::os::unix::fs::PermissionsExt as _;
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
