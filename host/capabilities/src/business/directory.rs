use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use signalbox_model::BusinessInfo;
use thiserror::Error;

use crate::folder::Folder;

/// The businesses, from a folder with one TOML file each. A reload replaces all of them or none.
#[derive(Debug)]
pub struct BusinessDirectory {
    folder: PathBuf,
    businesses: ArcSwap<BTreeMap<String, Arc<BusinessInfo>>>,
}

/// What is wrong with the folder.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// A file or the folder cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file is no business.
    #[error("{} is not a business:\n{reason}", .path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where and why, several lines.
        reason: String,
    },
    /// Two files are the same business.
    #[error("{} and {} both say that they are business {id}; give one of them another businessId", .first.display(), .second.display())]
    Twice {
        /// The business.
        id: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
}

impl BusinessDirectory {
    /// Reads every `*.toml` in a folder.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, DirectoryError> {
        let folder = folder.into();
        let businesses = read(&folder)?;
        Ok(Self { folder, businesses: ArcSwap::from_pointee(businesses) })
    }

    /// A directory of these businesses, without a folder: reloading it changes nothing.
    pub fn of(businesses: impl IntoIterator<Item = BusinessInfo>) -> Self {
        let businesses =
            businesses.into_iter().map(|business| (business.business_id.clone(), Arc::new(business))).collect();
        Self { folder: PathBuf::new(), businesses: ArcSwap::from_pointee(businesses) }
    }

    /// Reads the folder again. On an error the businesses stay as they were.
    pub fn reload(&self) -> Result<usize, DirectoryError> {
        if self.folder.as_os_str().is_empty() {
            return Ok(self.len());
        }
        let businesses = read(&self.folder)?;
        let count = businesses.len();
        self.businesses.store(Arc::new(businesses));
        Ok(count)
    }

    /// One business.
    pub fn get(&self, id: &str) -> Option<Arc<BusinessInfo>> {
        self.businesses.load().get(id).cloned()
    }

    /// Every business, by id.
    pub fn all(&self) -> Vec<Arc<BusinessInfo>> {
        self.businesses.load().values().cloned().collect()
    }

    /// How many businesses there are.
    pub fn len(&self) -> usize {
        self.businesses.load().len()
    }

    /// Whether there is no business.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The largest file of a business, in bytes.
const LARGEST_FILE: usize = 1 << 20;

fn read(folder: &Path) -> Result<BTreeMap<String, Arc<BusinessInfo>>, DirectoryError> {
    let unreadable = |path: &Path, error: std::io::Error| DirectoryError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let opened = Folder::open(folder).map_err(|error| unreadable(folder, error))?;
    let mut files = opened.list(Path::new("")).map_err(|error| unreadable(folder, error))?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut found: BTreeMap<String, (PathBuf, Arc<BusinessInfo>)> = BTreeMap::new();
    for file in files {
        let path = folder.join(&file);
        let opened = opened.file(&file).map_err(|error| unreadable(&path, error))?;
        let size = opened.metadata().map_err(|error| unreadable(&path, error))?.len();
        if size > LARGEST_FILE as u64 {
            let reason = format!("it has {size} bytes, more than the {LARGEST_FILE} of a business");
            return Err(DirectoryError::Unreadable { path, reason });
        }
        let text = std::io::read_to_string(opened).map_err(|error| unreadable(&path, error))?;
        let business = parse(&text).map_err(|reason| DirectoryError::Malformed { path: path.clone(), reason })?;
        if let Some((first, _)) = found.get(&business.business_id) {
            return Err(DirectoryError::Twice { id: business.business_id, first: first.clone(), second: path });
        }
        found.insert(business.business_id.clone(), (path, Arc::new(business)));
    }
    Ok(found.into_iter().map(|(id, (_, business))| (id, business)).collect())
}

fn parse(text: &str) -> Result<BusinessInfo, String> {
    signalbox_graph::check_toml(text, LARGEST_FILE).map_err(|unread| format!("{unread}; {}", unread.help))?;
    let business: BusinessInfo = toml::from_str(text).map_err(|error| error.to_string())?;
    let id = &business.business_id;
    if id.is_empty()
        || id.len() > 64
        || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        return Err(format!("businessId `{id}` must have 1 to 64 letters, digits, `-` or `_`"));
    }
    let zones = business.locations.iter().filter_map(|location| location.timezone.as_ref());
    for zone in zones.chain([&business.timezone]) {
        signalbox_model::time_zone(zone)
            .ok_or_else(|| format!("timezone `{zone}` is no IANA time zone; write for example `Europe/Bucharest`"))?;
    }
    let mut places: Vec<&str> = business.locations.iter().map(|location| location.id.as_str()).collect();
    places.sort_unstable();
    if let Some([twice, _]) = places.array_windows().find(|[one, next]| one == next) {
        return Err(format!("location `{twice}` is there twice; give one of them another id"));
    }
    Ok(business)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const GOOD: &str =
        "businessId = \"roma\"\nname = \"Roma\"\ntype = \"restaurant\"\ntimezone = \"Europe/Bucharest\"\n";

    #[test]
    fn a_file_that_nests_without_end_is_refused_before_it_is_parsed() {
        let told = parse(&format!("{GOOD}settings = {}", "[".repeat(100_000))).unwrap_err();
        assert!(told.contains("nest deeper than 64 levels"), "{told}");
    }

    #[test]
    fn a_wrong_file_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("roma.toml"), format!("{GOOD}colour = \"red\"\n")).unwrap();
        let error = BusinessDirectory::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("roma.toml") && error.contains("line 5") && error.contains("colour"), "{error}");
    }

    #[test]
    fn an_unknown_time_zone_and_a_foreign_id_are_refused() {
        assert!(parse(&GOOD.replace("Europe/Bucharest", "Europe/Atlantis")).unwrap_err().contains("Atlantis"));
        assert!(parse(&GOOD.replace("\"roma\"", "\"../roma\"")).unwrap_err().contains("businessId"));
    }

    #[test]
    fn two_files_of_one_business_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.toml"), GOOD).unwrap();
        fs::write(folder.path().join("b.toml"), GOOD).unwrap();
        assert!(matches!(BusinessDirectory::open(folder.path()), Err(DirectoryError::Twice { .. })));
    }

    #[test]
    fn a_reload_that_fails_keeps_the_businesses() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roma.toml");
        fs::write(&file, GOOD).unwrap();
        let directory = BusinessDirectory::open(folder.path()).unwrap();
        fs::write(&file, "businessId = ").unwrap();
        assert!(directory.reload().is_err());
        assert_eq!(directory.get("roma").unwrap().name, "Roma");
        fs::write(&file, GOOD.replace("\"Roma\"", "\"Roma 2\"")).unwrap();
        assert_eq!(directory.reload().unwrap(), 1);
        assert_eq!(directory.get("roma").unwrap().name, "Roma 2");
    }
}
