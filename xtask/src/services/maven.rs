//! Jars from Maven's repository, with everything that they need.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::empty;
use crate::workspace::shown;

/// Fetches what the pom names into `folder/libs`, unless it is there from the same pom.
pub fn fetch(pom: &Path, folder: &Path) -> Result<()> {
    fetch_by(Command::new("mvn"), pom, folder)
}

fn fetch_by(mut maven: Command, pom: &Path, folder: &Path) -> Result<()> {
    let wanted = fs::read_to_string(pom).with_context(|| format!("{} cannot be read", pom.display()))?;
    let (libs, fetched) = (folder.join("libs"), folder.join("fetched.xml"));
    if fs::read_to_string(&fetched).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    // Without what an earlier fetch left, so that nothing counts as fetched if this one fails.
    empty(folder)?;
    fs::create_dir(&libs).with_context(|| format!("{} cannot be made", libs.display()))?;
    maven
        .args(["--quiet", "--batch-mode", "-Dstyle.color=never", "--file"])
        .arg(pom)
        .arg("dependency:copy-dependencies");
    maven.arg(format!("-DoutputDirectory={}", libs.display())).stdin(Stdio::null());
    eprintln!("`{}`", shown(&maven));
    let output = maven.output().with_context(|| {
        format!("`{}` cannot be started; is Maven installed (`apt-get install maven`)?", shown(&maven))
    })?;
    if !output.status.success() {
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("`{}` failed ({}) and printed:\n{said}{complained}", shown(&maven), output.status);
    }
    // Written last, so that what was fetched by halves is fetched again.
    fs::write(&fetched, wanted).with_context(|| format!("{} cannot be written", fetched.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_that_fails_leaves_nothing_that_counts_as_fetched() {
        let folder = std::env::temp_dir().join(format!("signalbox-xtask-no-pom-{}", std::process::id()));
        let (pom, fetched) = (folder.join("pom.xml"), folder.join("service").join("fetched.xml"));
        empty(&folder.join("service")).unwrap();
        fs::write(&pom, "a pom").unwrap();
        fs::write(&fetched, "an older pom").unwrap();
        let failed = fetch_by(Command::new("false"), &pom, &folder.join("service")).unwrap_err().to_string();
        assert!(failed.starts_with("`false --quiet") && failed.contains("exit status: 1"), "{failed}");
        assert!(!fetched.exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_was_fetched_from_the_same_pom_is_not_fetched_again() {
        let folder = std::env::temp_dir().join(format!("signalbox-xtask-maven-{}", std::process::id()));
        empty(&folder).unwrap();
        let pom = folder.join("pom.xml");
        fs::write(&pom, "a pom").unwrap();
        fs::write(folder.join("fetched.xml"), "a pom").unwrap();
        fetch_by(Command::new("false"), &pom, &folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }
}
