//! The rules of this repository that the compiler does not check. One run finds all problems, and each says how to fix
//! it.

mod claims;
mod files;
mod floors;
mod links;
mod names;
mod text;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// One violation of a rule.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    file: PathBuf,
    /// From 1; none when the whole file violates the rule.
    line: Option<usize>,
    rule: &'static str,
    /// What is wrong and what to do instead.
    message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        write!(out, ": [{}] {}", self.rule, self.message)
    }
}

/// A file of the repository; a binary file has no text.
struct Source {
    path: PathBuf,
    text: Option<String>,
}

pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    let sources = read(&workspace.root)?;
    let problems = check(workspace, &sources);
    for problem in &problems {
        println!("{problem}");
    }
    println!("tidy: {} files looked at, {} problems", sources.len(), problems.len());
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check(workspace: &Workspace, sources: &[Source]) -> Vec<Problem> {
    let mut problems = floors::check(workspace, sources);
    problems.extend(claims::check(sources));
    problems.extend(files::check(sources));
    problems.extend(links::check(sources));
    problems.extend(names::check(sources));
    problems.extend(text::check(sources));
    problems.sort_by(|one, other| (&one.file, one.line, one.rule).cmp(&(&other.file, other.line, other.rule)));
    problems
}

/// The files that git tracks or would track, so that a problem is found before the commit.
fn read(root: &Path) -> Result<Vec<Source>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .current_dir(root)
        .output()
        .context("git cannot be started; tidy asks it which files belong to the repository")?;
    if !output.status.success() {
        bail!("`git ls-files` failed; tidy works in a clone of the repository only");
    }
    let mut sources = Vec::new();
    for path in String::from_utf8_lossy(&output.stdout).split('\0').filter(|path| !path.is_empty()) {
        // A file that was removed but not yet committed is still listed.
        let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
        sources.push(Source { path: PathBuf::from(path), text: String::from_utf8(bytes).ok() });
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

#[cfg(test)]
fn source(path: &str, text: &str) -> Source {
    Source { path: PathBuf::from(path), text: Some(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_written_as_editors_read_it() {
        let problem =
            Problem { file: "a/b.rs".into(), line: Some(3), rule: "names", message: "call it what it is".to_owned() };
        assert_eq!(problem.to_string(), "a/b.rs:3: [names] call it what it is");
    }
}
