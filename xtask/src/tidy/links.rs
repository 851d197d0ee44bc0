//! Finds pages that name files or tests that do not exist.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{Problem, Source};

/// A word in backticks that starts with one of these is a path in the repository.
const PLACES: &[&str] = &["host/", "sdk/", "wit/", "plugins/", "tests/", "bench/", "xtask/", "docs/", ".ci/"];

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let tests: BTreeSet<&str> = with_extension(sources, "rs").flat_map(functions).collect();
    let mut problems = Vec::new();
    for source in with_extension(sources, "md") {
        let mut fenced = false;
        for (index, line) in source.text.as_deref().unwrap_or_default().lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            if fenced {
                continue;
            }
            for test in guarantees(line) {
                if !tests.contains(test) {
                    problems.push(Problem {
                        file: source.path.clone(),
                        line: Some(index + 1),
                        rule: "links",
                        message: format!("no test is called `{test}`; name the one that guards this now"),
                    });
                }
            }
            for target in targets(&source.path, line) {
                if !is_there(&target, sources) {
                    problems.push(Problem {
                        file: source.path.clone(),
                        line: Some(index + 1),
                        rule: "links",
                        message: format!("`{}` is not there; point at where it is now", target.display()),
                    });
                }
            }
        }
    }
    problems
}

pub(super) fn with_extension<'a>(sources: &'a [Source], wanted: &str) -> impl Iterator<Item = &'a Source> {
    sources.iter().filter(move |source| source.path.extension().is_some_and(|extension| extension == wanted))
}

/// Every function that a file defines.
pub(super) fn functions(source: &Source) -> impl Iterator<Item = &str> {
    source.text.as_deref().unwrap_or_default().split("fn ").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    })
}

/// The words in backticks that are a guarantee's name: a whole sentence with underscores. Only metrics have names of
/// the same length.
fn guarantees(line: &str) -> impl Iterator<Item = &str> {
    let sentence = |word: &&str| {
        word.matches('_').count() >= 4
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && !word.starts_with("signalbox_")
            && !word.starts_with("process_")
    };
    line.split('`').skip(1).step_by(2).filter(sentence)
}

/// The files and folders that a line refers to, from the root on.
fn targets(page: &Path, line: &str) -> Vec<PathBuf> {
    let mut targets = Vec::new();
    for (index, piece) in line.split('`').enumerate() {
        let path = piece.split('#').next().unwrap_or_default();
        let plain = path.chars().all(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'));
        if index % 2 == 1 && plain && PLACES.iter().any(|place| path.starts_with(place)) {
            targets.push(normal(Path::new(path)));
        }
    }
    let folder = page.parent().unwrap_or(Path::new(""));
    for (at, _) in line.match_indices("](") {
        let link = line.get(at + 2..).and_then(|rest| rest.split(')').next()).unwrap_or_default();
        let path = link.split('#').next().unwrap_or_default();
        if !path.is_empty() && !path.contains("://") && !path.starts_with("mailto:") {
            targets.push(normal(&folder.join(path)));
        }
    }
    targets
}

fn is_there(target: &Path, sources: &[Source]) -> bool {
    sources.iter().any(|source| source.path.starts_with(target))
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    fn problems(line: &str) -> Vec<String> {
        let sources = [
            source("docs/guide/page.md", line),
            source("docs/guide/other.md", ""),
            source("host/store/src/lib.rs", "async fn a_decision_is_stored_once() {}"),
        ];
        check(&sources).iter().map(|problem| problem.message.clone()).collect()
    }

    #[test]
    fn what_is_there_may_be_pointed_at() {
        for line in [
            "see [other](other.md#part) and [the store](../../host/store/src/lib.rs)",
            "the folder `host/store`, the file `host/store/src/lib.rs`, the pattern `host/*`",
            "[the web](https://example.com/x) and `cargo xtask test` and `plugins/<name>`",
        ] {
            assert_eq!(problems(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn what_is_gone_may_not() {
        for line in ["see [gone](gone.md)", "the file `host/store/src/gone.rs`", "[root](/README.md)"] {
            assert_eq!(problems(line).len(), 1, "{line}");
        }
    }

    #[test]
    fn a_guarantee_that_no_test_gives_is_found() {
        assert_eq!(problems("held by `a_decision_is_stored_once`, see `some_name`"), Vec::<String>::new());
        assert_eq!(problems("held by `a_decision_is_never_stored_twice`").len(), 1);
        assert_eq!(problems("the metric `signalbox_node_duration_seconds_count`"), Vec::<String>::new());
        assert_eq!(problems("the metric `process_virtual_memory_max_bytes`"), Vec::<String>::new());
    }

    #[test]
    fn an_example_in_a_fence_points_at_nothing() {
        assert_eq!(problems("```\n[gone](gone.md)\n```"), Vec::<String>::new());
    }
}
