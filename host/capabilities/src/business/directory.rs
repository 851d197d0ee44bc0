use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use signalbox_diagnostics::{Problem, Report};
use signalbox_model::{BusinessInfo, NotificationSettings};
use thiserror::Error;

use super::file::{BusinessFile, ReadBusiness};
use super::notifications::NotificationReceivers;
use crate::folder::Folder;

/// The businesses, from a folder with one TOML file each. A file with errors affects its own business only.
#[derive(Debug)]
pub struct BusinessDirectory {
    folder: PathBuf,
    /// The receivers of notifications that the files may name; none leaves the names unchecked.
    receivers: Option<NotificationReceivers>,
    businesses: ArcSwap<Businesses>,
}

/// The result of reading the folder.
#[derive(Debug, Default)]
struct Businesses {
    by_id: BTreeMap<String, Known>,
    not_loaded: Arc<Vec<BusinessNotLoaded>>,
}

/// A business with the file that it is from.
#[derive(Clone, Debug)]
struct Known {
    file: PathBuf,
    business: Arc<BusinessInfo>,
    notifications: Arc<NotificationSettings>,
}

/// A file of the folder that was not loaded. Inputs for its business wait, and are not given up.
#[derive(Clone, Debug)]
pub struct BusinessNotLoaded {
    /// The business; none when the file could not be read that far.
    pub business_id: Option<String>,
    /// The business's type, if the file says it without errors.
    pub business_type: Option<String>,
    /// The file.
    pub file: PathBuf,
    /// Everything that is wrong.
    pub report: Arc<Report>,
    /// Whether the business is served as its file said before it had errors.
    pub is_served_as_before: bool,
}

/// What is wrong with the folder.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// The folder cannot be read.
    #[error("cannot read the business directory {}: {reason}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Some files are no valid businesses.
    #[error("{}", first_problems(.0))]
    Files(Arc<Vec<BusinessNotLoaded>>),
}

impl DirectoryError {
    /// Everything that is wrong with the files, as a terminal shows it.
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Unreadable { .. } => String::new(),
            Self::Files(files) => files.iter().map(|file| file.report.render(colour)).collect(),
        }
    }
}

/// The first problem of every file, with its place.
fn first_problems(files: &[BusinessNotLoaded]) -> String {
    let first = |file: &BusinessNotLoaded| {
        let problem = file.report.problems().next()?;
        Some(format!("{}:{}:{}: {}", problem.file, problem.line, problem.column, problem.message))
    };
    files.iter().filter_map(first).collect::<Vec<String>>().join("; ")
}

impl BusinessDirectory {
    /// Reads every `*.toml` in a folder. Files with errors are left out; [`Self::not_loaded`] returns them.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, DirectoryError> {
        Self::read_first(folder.into(), None)
    }

    /// Like [`Self::open`], and a file that names another receiver of notifications has an error.
    pub fn open_with(folder: impl Into<PathBuf>, receivers: NotificationReceivers) -> Result<Self, DirectoryError> {
        Self::read_first(folder.into(), Some(receivers))
    }

    fn read_first(folder: PathBuf, receivers: Option<NotificationReceivers>) -> Result<Self, DirectoryError> {
        let businesses = read(&folder, receivers.as_ref(), &Businesses::default())?;
        Ok(Self { folder, receivers, businesses: ArcSwap::from_pointee(businesses) })
    }

    /// The directory if every file was loaded; otherwise everything that is wrong.
    pub fn whole(self) -> Result<Self, DirectoryError> {
        let not_loaded = self.not_loaded();
        if not_loaded.is_empty() { Ok(self) } else { Err(DirectoryError::Files(not_loaded)) }
    }

    /// A directory of these businesses, without a folder: reloading it changes nothing.
    pub fn of(businesses: impl IntoIterator<Item = BusinessInfo>) -> Self {
        Self::of_notified(businesses.into_iter().map(|business| (business, NotificationSettings::default())))
    }

    /// Like [`Self::of`], with where the notifications of each business go.
    pub fn of_notified(businesses: impl IntoIterator<Item = (BusinessInfo, NotificationSettings)>) -> Self {
        let known = |(business, notifications): (BusinessInfo, NotificationSettings)| Known {
            file: PathBuf::new(),
            business: Arc::new(business),
            notifications: Arc::new(notifications),
        };
        let by_id = businesses.into_iter().map(|business| (business.0.business_id.clone(), known(business))).collect();
        let businesses = Businesses { by_id, not_loaded: Arc::default() };
        Self { folder: PathBuf::new(), receivers: None, businesses: ArcSwap::from_pointee(businesses) }
    }

    /// Reads the folder again. A business whose file has errors now stays as it was; when the folder cannot be read,
    /// all businesses do.
    pub fn reload(&self) -> Result<usize, DirectoryError> {
        if !self.folder.as_os_str().is_empty() {
            let businesses = read(&self.folder, self.receivers.as_ref(), &self.businesses.load())?;
            self.businesses.store(Arc::new(businesses));
        }
        Ok(self.len())
    }

    /// One business.
    pub fn get(&self, id: &str) -> Option<Arc<BusinessInfo>> {
        self.businesses.load().by_id.get(id).map(|known| known.business.clone())
    }

    /// Where the notifications of a business go besides the WebSocket.
    pub fn notifications(&self, id: &str) -> Option<Arc<NotificationSettings>> {
        self.businesses.load().by_id.get(id).map(|known| known.notifications.clone())
    }

    /// Every business, by id.
    pub fn all(&self) -> Vec<Arc<BusinessInfo>> {
        self.businesses.load().by_id.values().map(|known| known.business.clone()).collect()
    }

    /// The files that were not loaded.
    pub fn not_loaded(&self) -> Arc<Vec<BusinessNotLoaded>> {
        self.businesses.load().not_loaded.clone()
    }

    /// Whether the business is missing because a file has errors. A file whose business id could not be read may be
    /// that of any missing business.
    pub fn awaits(&self, id: &str) -> bool {
        let businesses = self.businesses.load();
        !businesses.by_id.contains_key(id) && businesses.not_loaded.iter().any(|file| file.may_be(id))
    }

    /// The ids of all businesses, including those of files with errors whose id could be read.
    pub fn ids(&self) -> Vec<String> {
        let businesses = self.businesses.load();
        let waiting = businesses.not_loaded.iter().filter_map(|file| file.business_id.clone());
        let mut ids: Vec<String> = businesses.by_id.keys().cloned().chain(waiting).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// How many businesses there are.
    pub fn len(&self) -> usize {
        self.businesses.load().by_id.len()
    }

    /// Whether there is no business.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl BusinessNotLoaded {
    fn may_be(&self, id: &str) -> bool {
        !self.is_served_as_before && self.business_id.as_deref().is_none_or(|own| own == id)
    }
}

/// Reads the folder. A business whose file has errors stays as it was `before`.
fn read(
    folder: &Path,
    receivers: Option<&NotificationReceivers>,
    before: &Businesses,
) -> Result<Businesses, DirectoryError> {
    let unreadable =
        |error: std::io::Error| DirectoryError::Unreadable { path: folder.to_owned(), reason: error.to_string() };
    let opened = Folder::open(folder).map_err(unreadable)?;
    let mut files = opened.list(Path::new("")).map_err(unreadable)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut read: Vec<(PathBuf, BusinessFile)> =
        files.into_iter().map(|file| (folder.join(&file), BusinessFile::read(&opened, &file, receivers))).collect();
    refuse_several(&mut read);
    let mut by_id = BTreeMap::new();
    let mut wrong = Vec::new();
    for (path, file) in read {
        match file.business {
            Ok(ReadBusiness { info: business, notifications }) => {
                by_id.insert(business.business_id.clone(), Known { file: path, business, notifications });
            }
            Err(problems) => wrong.push(BusinessNotLoaded {
                report: Arc::new(Report::new(&path.display().to_string(), &file.text, problems)),
                business_id: file.business_id,
                business_type: file.business_type,
                file: path,
                is_served_as_before: false,
            }),
        }
    }
    for file in &mut wrong {
        let own = match &file.business_id {
            Some(id) => before.by_id.get_key_value(id),
            None => before.by_id.iter().find(|(_, known)| known.file == file.file),
        };
        if let Some((id, known)) = own {
            by_id.entry(id.clone()).or_insert_with(|| known.clone());
            file.is_served_as_before = true;
        }
    }
    Ok(Businesses { by_id, not_loaded: Arc::new(wrong) })
}

/// Refuses all files that are for the same business, because only the operator knows which one is meant.
fn refuse_several(read: &mut [(PathBuf, BusinessFile)]) {
    let mut paths: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (path, file) in &*read {
        if let Ok(business) = &file.business {
            paths.entry(business.info.business_id.clone()).or_default().push(path.clone());
        }
    }
    paths.retain(|_, paths| paths.len() > 1);
    for (path, file) in read {
        let Some(id) = file.business.as_ref().ok().map(|business| business.info.business_id.clone()) else { continue };
        let Some(other) = paths.get(&id).and_then(|paths| paths.iter().find(|other| *other != path)) else { continue };
        let message = format!("{} too says that it is business `{id}`", other.display());
        let problem = Problem::new(message, file.id_at.clone(), "here");
        file.business =
            Err(vec![problem.with_help("give one of them another businessId, or take one out of the folder")]);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const GOOD: &str =
        "businessId = \"roma\"\nname = \"Roma\"\ntype = \"restaurant\"\ntimezone = \"Europe/Bucharest\"\n";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn a_wrong_file_keeps_its_own_business_out_and_no_other() {
        let port = GOOD.replace("roma", "port");
        let folder = folder(&[("roma.toml", &format!("{GOOD}colour = \"red\"\n")), ("port.toml", &port)]);
        let directory = BusinessDirectory::open(folder.path()).unwrap();
        assert!(directory.get("port").is_some() && directory.get("roma").is_none());
        assert!(directory.awaits("roma") && !directory.awaits("port") && !directory.awaits("nowhere"));
        assert_eq!(directory.ids(), ["port", "roma"]);
        let error = directory.whole().unwrap_err();
        assert!(error.to_string().contains("roma.toml:5:1: unknown key `colour`"), "{error}");
        assert!(error.render(false).contains("colour = \"red\""), "{}", error.render(false));
    }

    #[test]
    fn whatever_cannot_be_read_as_a_business_is_told_and_the_others_are_there() {
        let folder = folder(&[("roma.toml", GOOD), ("garbled.toml", "businessId = ")]);
        let inside = |name: &str| folder.path().join(name);
        fs::write(inside("latin.toml"), b"name = \"Caf\xe9\"").unwrap();
        fs::write(inside("large.toml"), format!("{GOOD}# {}", "x".repeat(1 << 20))).unwrap();
        fs::create_dir(inside("folder.toml")).unwrap();
        symlink("nowhere", inside("dangling.toml")).unwrap();
        symlink("/etc/hostname", inside("out.toml")).unwrap();
        let directory = BusinessDirectory::open(folder.path()).unwrap();
        assert!(directory.get("roma").is_some());
        assert!(directory.awaits("any"), "a file that does not say whose it is may be anybody's");
        let told = directory.whole().unwrap_err().to_string();
        for expected in [
            "garbled.toml:1:",
            "latin.toml:1:12: the file is no text in UTF-8",
            "large.toml:1:1: the file has 1048577 bytes",
            "folder.toml:1:1: the file cannot be read: it is no file",
            "dangling.toml:1:1: the file cannot be read",
            "out.toml:1:1: the file cannot be read: a link or `..` leads out",
        ] {
            assert!(told.contains(expected), "{expected} is missing in {told}");
        }
        assert!(BusinessDirectory::open(inside("none")).unwrap_err().to_string().contains("none"));
    }

    #[test]
    fn of_two_files_of_one_business_none_is_taken() {
        let folder = folder(&[("a.toml", GOOD), ("b.toml", GOOD), ("c.toml", &GOOD.replace("roma", "port"))]);
        let directory = BusinessDirectory::open(folder.path()).unwrap();
        assert_eq!((directory.len(), directory.not_loaded().len()), (1, 2));
        assert!(directory.awaits("roma"));
        let told = directory.whole().unwrap_err().to_string();
        assert!(told.contains("a.toml:1:14:") && told.contains("b.toml too says that it is business `roma`"), "{told}");
    }

    #[test]
    fn a_reload_keeps_a_business_whose_file_is_wrong_now_and_takes_up_the_others() {
        let folder = folder(&[("roma.toml", GOOD), ("gone.toml", &GOOD.replace("roma", "gone"))]);
        let file = folder.path().join("roma.toml");
        let directory = BusinessDirectory::open(folder.path()).unwrap();
        fs::write(folder.path().join("port.toml"), GOOD.replace("roma", "port")).unwrap();
        fs::remove_file(folder.path().join("gone.toml")).unwrap();
        for broken in ["businessId = ", "businessId = \"roma\"\nname = 7\n"] {
            fs::write(&file, broken).unwrap();
            assert_eq!(directory.reload().unwrap(), 2);
            assert_eq!(directory.get("roma").unwrap().name, "Roma");
            assert!(directory.get("port").is_some() && directory.get("gone").is_none());
            let not_loaded = directory.not_loaded();
            assert!(not_loaded.len() == 1 && not_loaded[0].is_served_as_before);
            assert!(!directory.awaits("gone"), "it is served, so it may be nobody else");
        }
        fs::write(&file, GOOD.replace("\"Roma\"", "\"Roma 2\"")).unwrap();
        assert_eq!(directory.reload().unwrap(), 2);
        assert_eq!(directory.get("roma").unwrap().name, "Roma 2");
        assert!(directory.not_loaded().is_empty());
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(directory.reload().is_err() && directory.len() == 2, "without the folder all stay as they were");
    }
}
