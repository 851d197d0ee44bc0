//! Words that no file of the repository may hold, and the length of comment lines.

use std::path::Path;

use super::{Problem, Source};

/// Written in pieces, so that this file does not violate its own rule.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MACHINE_PATHS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("C:\\Us", "ers"),
];

/// `max_width` of rustfmt.toml, in characters. The stable rustfmt does not break comments at it.
const WIDTH: usize = 120;

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources {
        // Checksums in lock files may contain any letters.
        if source.path.extension().is_some_and(|extension| extension == "lock") {
            continue;
        }
        let rust = source.path.extension().is_some_and(|extension| extension == "rs");
        for (index, line) in source.text.as_deref().unwrap_or_default().lines().enumerate() {
            problems.extend(check_line(&source.path, index + 1, line));
            if rust {
                problems.extend(check_comment(&source.path, index + 1, line));
            }
        }
    }
    problems
}

fn check_line(path: &Path, line: usize, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut report = |rule, message| problems.push(Problem { file: path.to_owned(), line: Some(line), rule, message });
    if let Some(mark) = MARKS.iter().find(|mark| has_word(text, mark)) {
        report("unfinished", format!("`{mark}`: finish it, or open an issue and link it from plain words"));
    }
    if let Some(start) = MACHINE_PATHS.iter().find(|start| has_path(text, start)) {
        report(
            "machine",
            format!("`{start}…` is a path of one machine; take it from the environment or make it relative"),
        );
    }
    problems
}

/// A word that is too long for a line, such as a URL, has a line of its own and is not a problem.
fn check_comment(path: &Path, line: usize, text: &str) -> Option<Problem> {
    let comment = text.trim_start();
    let words = comment.strip_prefix("//")?.trim_start_matches(['/', '!']).trim();
    let length = text.chars().count();
    (length > WIDTH && words.contains(' ')).then(|| Problem {
        file: path.to_owned(),
        line: Some(line),
        rule: "width",
        message: format!("a comment line of {length} characters, {WIDTH} are the most; break it at a space"),
    })
}

fn has_word(text: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(letter) && !after.is_some_and(letter)
    })
}

/// An absolute path is not preceded by a part of a name or a longer path.
fn has_path(text: &str, start: &str) -> bool {
    text.match_indices(start).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}' | '~' | '*'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    fn rules(line: &str) -> Vec<&'static str> {
        check(&[source("a.md", line)]).iter().map(|problem| problem.rule).collect()
    }

    #[test]
    fn unfinished_work_is_found_with_its_line() {
        let text = format!("fine\n// {}: later\n", MARKS[0]);
        let found = check(&[source("a.rs", &text)]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].line, found[0].rule), (Some(2), "unfinished"));
        assert_eq!(rules("autodoc FIXMEUP"), Vec::<&str>::new());
    }

    #[test]
    fn machine_paths_are_found_and_relative_ones_are_fine() {
        for start in MACHINE_PATHS {
            assert_eq!(rules(&format!("see `{start}x`")), ["machine"], "{start}");
        }
        assert_eq!(
            rules(&format!("https://example.com{}x and .{}x", MACHINE_PATHS[1], MACHINE_PATHS[3])),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn a_comment_line_is_within_the_width_unless_it_has_no_space_to_break_at() {
        let long = "long ".repeat(WIDTH / 5);
        let url = format!("https://example.com/{}", "a".repeat(WIDTH));
        for mark in ["//", "///", "    //!"] {
            let found = check(&[source("a.rs", &format!("fine\n{mark} {long}word\n"))]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].line, found[0].rule), (Some(2), "width"));
            assert_eq!(check(&[source("a.rs", &format!("{mark} {url}\n"))]), []);
        }
        let widest = format!("// {}", "é".repeat(WIDTH - 5) + " é");
        assert_eq!(check(&[source("a.rs", &widest)]), []);
        assert_eq!(check(&[source("a.rs", &format!("{widest}é"))]).len(), 1);
        assert_eq!(check(&[source("a.md", &format!("// {long}word"))]), []);
    }

    #[test]
    fn lock_files_are_left_alone() {
        assert_eq!(check(&[source("Cargo.lock", MARKS[2])]), []);
    }
}
