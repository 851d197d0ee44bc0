//! Reads folders whose content is not trusted: bundles, and the folder of businesses. A symbolic link may lead to
//! another place inside the folder, as in volumes that Kubernetes mounts, and never out of it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, Mode, OFlags};
use rustix::io::Errno;

/// How often the kernel is asked again when it could not resolve a path because something was renamed meanwhile.
const ATTEMPTS: usize = 16;

/// An open folder. All reads use this folder, even when its path leads elsewhere by then.
pub struct Folder {
    path: PathBuf,
    root: OwnedFd,
}

impl Folder {
    /// Opens a folder. Its path comes from the operator and may contain links.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { path: path.to_owned(), root })
    }

    /// The path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file for reading, by its path below the folder. Anything but a regular file, such as a pipe, is refused
    /// without blocking.
    pub fn file(&self, below: &Path) -> io::Result<File> {
        let file = File::from(self.beneath(below, OFlags::RDONLY | OFlags::NONBLOCK)?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
    }

    /// The paths, below this folder, of the entries of one of its folders, in order.
    pub fn list(&self, below: &Path) -> io::Result<Vec<PathBuf>> {
        let folder = self.beneath(below, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut paths = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                use std::os::unix::ffi::OsStrExt as _;
                paths.push(below.join(std::ffi::OsStr::from_bytes(name)));
            }
        }
        paths.sort();
        Ok(paths)
    }

    #[cfg(target_os = "linux")]
    fn beneath(&self, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        use rustix::fs::ResolveFlags;
        let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        let (flags, resolve) = (flags | OFlags::CLOEXEC, ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS);
        for _ in 0..ATTEMPTS {
            match rustix::fs::openat2(&self.root, below, flags, Mode::empty(), resolve) {
                Ok(opened) => return Ok(opened),
                Err(Errno::AGAIN) => {}
                Err(Errno::XDEV) => return Err(leads_out()),
                // An old kernel, or a seccomp filter that does not know the call.
                Err(Errno::NOSYS | Errno::PERM) => return self.resolved(below, flags),
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other("it changes all the time"))
    }

    #[cfg(not(target_os = "linux"))]
    fn beneath(&self, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        self.resolved(below, flags | OFlags::CLOEXEC)
    }

    /// Opens a path where the kernel cannot keep the resolution inside the folder: resolves the path first, and opens
    /// the result if it is not a link.
    fn resolved(&self, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let root = self.path.canonicalize()?;
        let path = root.join(below).canonicalize()?;
        if !path.starts_with(&root) {
            return Err(leads_out());
        }
        Ok(rustix::fs::open(&path, flags | OFlags::NOFOLLOW, Mode::empty())?)
    }
}

fn leads_out() -> io::Error {
    io::Error::other(
        "a link or `..` leads out of the folder; put the file itself into it (links inside the folder may stay)",
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn read(file: io::Result<File>) -> Result<String, String> {
        let mut text = String::new();
        file.map_err(|error| error.to_string())?.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn no_link_leads_out_of_a_folder_and_those_inside_work() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("bundle");
        // The layout of a ConfigMap that Kubernetes mounts.
        std::fs::create_dir_all(path.join("..2026_11_30/models")).unwrap();
        std::fs::write(path.join("..2026_11_30/bundle.toml"), "inside").unwrap();
        std::fs::write(path.join("..2026_11_30/models/a.toml"), "model").unwrap();
        symlink("..2026_11_30", path.join("..data")).unwrap();
        symlink("..data/bundle.toml", path.join("bundle.toml")).unwrap();
        symlink("..data/models", path.join("models")).unwrap();
        std::fs::write(outer.path().join("secret"), "outside").unwrap();
        std::fs::create_dir(outer.path().join("others")).unwrap();
        symlink("../secret", path.join("up.toml")).unwrap();
        symlink(outer.path().join("secret"), path.join("away.toml")).unwrap();
        symlink("/proc/self/environ", path.join("environ")).unwrap();
        symlink("../others", path.join("others")).unwrap();
        symlink("loop", path.join("loop")).unwrap();
        symlink(&path, outer.path().join("current")).unwrap();

        for folder in [Folder::open(&path).unwrap(), Folder::open(&outer.path().join("current")).unwrap()] {
            for open in [Folder::file, |folder: &Folder, below: &Path| {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                folder.resolved(below, flags).map(File::from)
            }] {
                let read = |below: &str| read(open(&folder, Path::new(below)));
                assert_eq!(read("bundle.toml").unwrap(), "inside");
                assert_eq!(read("models/a.toml").unwrap(), "model");
                for out in ["up.toml", "away.toml", "environ", "../secret", "others/../secret", "/etc/hostname"] {
                    assert!(read(out).unwrap_err().contains("leads out"), "{out}: {:?}", read(out));
                }
                assert!(read("loop").is_err() && read("none").is_err());
            }
            assert_eq!(folder.list(Path::new("models")).unwrap(), [Path::new("models/a.toml")]);
            assert!(folder.list(Path::new("others")).unwrap_err().to_string().contains("leads out"));
            assert!(folder.file(Path::new("models")).unwrap_err().to_string().contains("no file"));
            assert!(folder.list(Path::new("")).unwrap().contains(&PathBuf::from("bundle.toml")));
        }
    }

    #[test]
    fn a_pipe_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let error = Folder::open(folder.path()).unwrap().file(Path::new("pipe")).unwrap_err();
        assert!(error.to_string().contains("no file"), "{error}");
    }
}
