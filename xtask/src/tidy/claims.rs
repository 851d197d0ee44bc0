//! Finds claims about effects that no document makes any more, or that no test guards.
//!
//! `docs/claims.md` has a section for each document and a row for each claim: the document's own words, and the tests
//! that fail when the claim is broken. The words are compared without Markdown and line breaks; `…` leaves some out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::links::{functions, with_extension};
use super::{Problem, Source};

const PAGE: &str = "docs/claims.md";

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let Some(page) = sources.iter().find(|source| source.path == Path::new(PAGE)) else { return Vec::new() };
    let tests: BTreeSet<&str> = with_extension(sources, "rs").flat_map(functions).collect();
    let mut problems = Vec::new();
    let mut report = |line, message| {
        problems.push(Problem { file: page.path.clone(), line, rule: "claims", message });
    };
    let mut sections = BTreeSet::new();
    let mut document = String::new();
    for (index, line) in page.text.as_deref().unwrap_or_default().lines().enumerate() {
        let at = Some(index + 1);
        if let Some(name) = line.strip_prefix("## ") {
            sections.insert(PathBuf::from(name));
            let found = sources.iter().find(|source| source.path == Path::new(name));
            document = plain(found.and_then(|source| source.text.as_deref()).unwrap_or_default());
            if found.is_none() {
                report(at, format!("no document is called {name}; name the file from the root on"));
            }
            continue;
        }
        let Some((claim, guards)) = row(line).filter(|_| !sections.is_empty()) else { continue };
        if !is_said(&document, claim) {
            report(at, format!("the document does not say “{claim}”; quote what it says now"));
        }
        let named: Vec<&str> = in_backticks(guards).filter(|word| !word.contains(['/', ' '])).collect();
        if named.is_empty() {
            report(at, format!("no test guards “{claim}”; write one, or take the claim out of the document"));
        }
        for test in named.into_iter().filter(|test| !tests.contains(test)) {
            report(at, format!("no test is called `{test}`; name the one that guards this now"));
        }
    }
    for source in sources.iter().filter(|source| tells_of_effects(source) && !sections.contains(&source.path)) {
        let name = source.path.display();
        report(None, format!("{name} tells of effects; add `## {name}` with its claims and their tests"));
    }
    problems
}

/// The claim and the tests of a row. The rows with the titles and the line below them are none.
fn row(line: &str) -> Option<(&str, &str)> {
    let (claim, guards) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
    (claim != "claim" && claim != "---").then_some((claim, guards))
}

fn in_backticks(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether the pieces between the `…` of a claim stand in the document one after the other.
fn is_said(document: &str, claim: &str) -> bool {
    let claim = plain(claim);
    let mut rest = document;
    for piece in claim.split('…').map(str::trim) {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    !claim.is_empty()
}

/// A text without the marks of Markdown and of comments, with one space between its words.
fn plain(text: &str) -> String {
    let mut unlinked = String::new();
    for (index, piece) in text.split("](").enumerate() {
        let after_target = piece.split_once(')').map_or(piece, |(_, after)| after);
        unlinked.push_str(if index == 0 { piece } else { after_target });
    }
    let words = unlinked.split_whitespace().filter(|word| !matches!(*word, "///" | "//" | ">"));
    words.collect::<Vec<_>>().join(" ").replace(['`', '*', '[', ']'], "")
}

/// Whether users, operators or plugin authors read about effects in this file.
fn tells_of_effects(source: &Source) -> bool {
    let path = &source.path;
    let is_read = path == Path::new("README.md")
        || path.starts_with("docs/guide")
        || (path.starts_with("wit") && path.extension().is_some_and(|extension| extension == "wit"));
    let text = source.text.as_deref().unwrap_or_default();
    is_read && text.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case("effects"))
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    const GUIDE: &str =
        "Each effect leaves [at least\nonce](kafka.md), under **one** key of `id`.\n\n> Nothing\n> is lost";

    fn problems(page: &str) -> Vec<String> {
        let sources = [
            source("docs/claims.md", page),
            source("docs/guide/effects.md", GUIDE),
            source("wit/kafka/kafka.wit", "/// It is sent\n/// later.\n"),
            source("host/delivery/tests/relay/main.rs", "async fn an_effect_leaves() {}"),
        ];
        check(&sources).into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn a_claim_in_a_documents_words_with_a_test_that_exists_is_right() {
        for row in [
            "| Each effect leaves at least once, under one key | `an_effect_leaves` |",
            "| Each effect … one key of `id` | `an_effect_leaves` in `host/delivery/tests/relay/main.rs` |",
            "| Nothing is lost | `an_effect_leaves` |",
        ] {
            let page =
                format!("Words | before.\n\n## docs/guide/effects.md\n\n| claim | tests |\n| --- | --- |\n{row}\n");
            assert_eq!(problems(&page), Vec::<String>::new(), "{row}");
        }
        assert_eq!(
            problems("## wit/kafka/kafka.wit\n\n| It is sent later. | `an_effect_leaves` |"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn words_that_the_document_does_not_have_any_more_are_found() {
        for claim in ["Each effect leaves exactly once", "one key … at least once", "It is sent later."] {
            let found = problems(&format!("## docs/guide/effects.md\n\n| {claim} | `an_effect_leaves` |"));
            assert_eq!(found, [format!("the document does not say “{claim}”; quote what it says now")]);
        }
        let found =
            problems("## docs/guide/effects.md\n## docs/guide/gone.md\n\n| Nothing is lost | `an_effect_leaves` |");
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_claim_without_a_test_that_exists_is_found() {
        for (guards, part) in [
            ("`an_effect_stays`", "no test is called `an_effect_stays`"),
            ("none yet", "no test guards “Nothing is lost”"),
            ("see `host/delivery/tests/relay/main.rs`", "no test guards “Nothing is lost”"),
        ] {
            let found = problems(&format!("## docs/guide/effects.md\n\n| Nothing is lost | {guards} |"));
            assert!(found.len() == 1 && found[0].starts_with(part), "{found:?}");
        }
    }

    #[test]
    fn a_document_that_tells_of_effects_has_a_section() {
        let pages = [
            source("docs/claims.md", "## README.md\n"),
            source("README.md", "No Effects."),
            source("docs/guide/cron.md", "This has no effect."),
            source("docs/guide/new.md", "What its effects are."),
            source("docs/decisions/0001.md", "Effects are elsewhere."),
            source("wit/new/new.wit", "/// Effects, too."),
        ];
        let found: Vec<_> = check(&pages).into_iter().map(|problem| problem.message).collect();
        assert!(
            found.len() == 2 && found[0].starts_with("docs/guide/new.md") && found[1].starts_with("wit/new/new.wit")
        );
    }
}
