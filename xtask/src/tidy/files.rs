//! Checks the lengths of files, and that git and the crates' manifests hold only what belongs there.

use std::path::Path;

use super::{Problem, Source};

/// Longer files need a reason.
const LONG: usize = 400;
/// Files may not be longer than this for any reason.
const LONGEST: usize = 600;

/// Files above 400 lines, each with the reason why it is not split.
const REASONS: &[(&str, &str)] = &[];

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let mut problems = check_lengths(sources, REASONS);
    for source in sources {
        if matches!(extension(&source.path), "wasm" | "cwasm") {
            problems.push(Problem {
                file: source.path.clone(),
                line: None,
                rule: "built",
                message:
                    "built components are not kept in git; remove it and build it with `cargo xtask build-plugins`"
                        .to_owned(),
            });
        }
        if let Some(text) = &source.text
            && source.path.file_name().is_some_and(|name| name == "Cargo.toml")
        {
            problems.extend(check_lints(&source.path, text));
        }
    }
    problems
}

fn check_lengths(sources: &[Source], reasons: &[(&str, &str)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut report = |file: &Path, message| {
        problems.push(Problem { file: file.to_owned(), line: None, rule: "length", message });
    };
    for source in sources.iter().filter(|source| extension(&source.path) == "rs") {
        let lines = source.text.as_deref().map_or(0, |text| text.lines().count());
        let reasoned = reasons.iter().any(|(file, _)| Path::new(file) == source.path);
        if lines > LONGEST {
            report(&source.path, format!("{lines} lines, {LONGEST} are the most; split it by step or by concept"));
        } else if lines > LONG && !reasoned {
            report(
                &source.path,
                format!("{lines} lines; split it, or say in xtask/src/tidy/files.rs why it is one piece above {LONG}"),
            );
        } else if lines <= LONG && reasoned {
            report(&source.path, format!("{lines} lines need no reason; remove it from xtask/src/tidy/files.rs"));
        }
    }
    for (file, _) in reasons {
        if !sources.iter().any(|source| source.path == Path::new(file)) {
            report(Path::new(file), "is gone; remove its reason from xtask/src/tidy/files.rs".to_owned());
        }
    }
    problems
}

/// Every crate uses its workspace's lints: in a crate without them a panic would go unnoticed.
fn check_lints(path: &Path, text: &str) -> Option<Problem> {
    let problem = |message| Some(Problem { file: path.to_owned(), line: None, rule: "lints", message });
    let manifest: toml::Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return problem(format!("cannot be read: {error}")),
    };
    let inherited = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    if manifest.contains_key("package") && inherited != Some(true) {
        return problem("takes no lints; add `[lints]` with `workspace = true`".to_owned());
    }
    None
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    fn lines(count: usize) -> String {
        "// line\n".repeat(count)
    }

    #[test]
    fn a_long_file_needs_a_reason_and_a_longer_one_has_none() {
        let sources = [source("a.rs", &lines(400)), source("b.rs", &lines(401)), source("c.rs", &lines(601))];
        let found = check_lengths(&sources, &[("b.rs", "a list"), ("c.rs", "a longer list")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].file, Path::new("c.rs"));
        assert_eq!(check_lengths(&sources, &[]).len(), 2);
    }

    #[test]
    fn a_reason_that_is_no_longer_needed_goes() {
        let found = check_lengths(&[source("a.rs", &lines(10))], &[("a.rs", "was long"), ("gone.rs", "was here")]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn only_rust_files_are_measured() {
        assert_eq!(check_lengths(&[source("a.md", &lines(1_000))], &[]), []);
    }

    #[test]
    fn built_components_stay_out_of_git() {
        let found = check(&[Source { path: "plugins/a.wasm".into(), text: None }, source("a.cwasm", "")]);
        assert_eq!(found.iter().filter(|problem| problem.rule == "built").count(), 2, "{found:?}");
    }

    #[test]
    fn every_crate_takes_the_workspace_lints() {
        let with = source("a/Cargo.toml", "[package]\nname = \"a\"\n[lints]\nworkspace = true\n");
        let without = source("b/Cargo.toml", "[package]\nname = \"b\"\n");
        let workspace = source("Cargo.toml", "[workspace]\nmembers = []\n");
        let found = check(&[with, without, workspace]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].file, Path::new("b/Cargo.toml"));
    }
}
