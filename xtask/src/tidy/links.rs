//! Pages that point at files which are not there.

use std::path::{Component, Path, PathBuf};

use super::{Problem, Source};

/// A word in backticks that starts with one of these names a place in the repository.
const PLACES: &[&str] = &["host/", "sdk/", "wit/", "plugins/", "tests/", "bench/", "xtask/", "docs/", ".ci/"];

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources.iter().filter(|source| source.path.extension().is_some_and(|extension| extension == "md")) {
        let mut fenced = false;
        for (index, line) in source.text.as_deref().unwrap_or_default().lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            if fenced {
                continue;
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

/// The files and folders that a line points at, from the root on.
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
            source("host/store/src/lib.rs", ""),
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
    fn an_example_in_a_fence_points_at_nothing() {
        assert_eq!(problems("```\n[gone](gone.md)\n```"), Vec::<String>::new());
    }
}
