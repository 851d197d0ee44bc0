//! Which servers were started, in `target/services/services.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The servers that were started and not ended, by the name of their service.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Record {
    pub services: BTreeMap<String, Running>,
}

/// A server that was started. It may have ended since.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Running {
    pub pid: u32,
    pub address: SocketAddr,
    /// A part of the process's command line that no other process has: the system may give the same id to another
    /// process later.
    pub token: String,
}

impl Record {
    /// The record of this folder; an empty one if nothing was started there.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = path(folder);
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).with_context(|| format!("{} cannot be read", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = path(folder);
        fs::write(&path, toml::to_string(self)?).with_context(|| format!("{} cannot be written", path.display()))
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("services.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_one_table_for_each_service() {
        let running = Running { pid: 7, address: "127.0.0.1:9092".parse().unwrap(), token: "t-1".to_owned() };
        let record = Record { services: [("kafka".to_owned(), running)].into() };
        let text = "[kafka]\npid = 7\naddress = \"127.0.0.1:9092\"\ntoken = \"t-1\"\n";
        assert_eq!(toml::to_string(&record).unwrap(), text);
        assert_eq!(toml::from_str::<Record>(text).unwrap(), record);
    }

    #[test]
    fn a_folder_without_a_record_has_no_services() {
        assert_eq!(Record::read(Path::new("/nowhere/at/all")).unwrap(), Record::default());
    }
}
