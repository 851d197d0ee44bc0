//! A Python with a stock client of Kafka, in a virtual environment under `target/services/python`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, shown};

/// The program of a Python that has what `xtask/services/python/requirements.txt` names, fetched from PyPI where it is
/// missing. None, which is said, on a machine without Python.
pub fn with_client(workspace: &Workspace) -> Result<Option<PathBuf>> {
    if Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("left out: Python's client, because `python3` is not installed; the journeys read with rdkafka");
        return Ok(None);
    }
    let requirements = workspace.root.join("xtask/services/python/requirements.txt");
    let folder = super::folder(workspace).join("python");
    let (python, fetched) = (folder.join("bin/python"), folder.join("fetched.txt"));
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("{}", requirements.display()))?;
    if fs::read_to_string(&fetched).is_ok_and(|text| text == wanted) {
        return Ok(Some(python));
    }
    super::empty(&folder)?;
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder), "is Python's venv there?")?;
    install(&python, &requirements)?;
    // Written last, so that what was fetched by halves is fetched again.
    fs::write(&fetched, wanted).with_context(|| format!("{} cannot be written", fetched.display()))?;
    Ok(Some(python))
}

fn install(python: &Path, requirements: &Path) -> Result<()> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    succeed(&mut pip, "can PyPI be reached?")
}

fn succeed(command: &mut Command, hint: &str) -> Result<()> {
    eprintln!("`{}`", shown(command));
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("`{}` cannot be started; {hint}", shown(command)))?;
    if !output.status.success() {
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("`{}` failed ({}; {hint}) and printed:\n{said}{complained}", shown(command), output.status);
    }
    Ok(())
}
