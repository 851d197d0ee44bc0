//! Reads one file of a business, and finds everything that is wrong with it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize as _;
use signalbox_diagnostics::{Problem, suggestion};
use signalbox_model::{BUSINESS_ID_RULE, BusinessInfo, HandWritten, is_business_id};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::folder::Folder;

/// The largest file of a business, in bytes.
const LARGEST_FILE: usize = 1 << 20;

/// The content of one file.
pub(super) struct BusinessFile {
    /// Its text, or the part of it that could be read.
    pub text: String,
    /// The id of the business, if the file says it without errors.
    pub business_id: Option<String>,
    /// The place of the id.
    pub id_at: Range<usize>,
    /// The type of the business, if the file says it without errors.
    pub business_type: Option<String>,
    /// The business, or what is wrong.
    pub business: Result<BusinessInfo, Vec<Problem>>,
}

impl BusinessFile {
    /// Reads a file of the folder.
    pub fn read(folder: &Folder, file: &Path) -> Self {
        match text(folder, file) {
            Ok(text) => Self::parse(text),
            Err((text, problem)) => Self::wrong(text, problem),
        }
    }

    fn wrong(text: String, problem: Problem) -> Self {
        Self { text, business_id: None, id_at: 0..0, business_type: None, business: Err(vec![problem]) }
    }

    /// Reads a file's text.
    pub fn parse(text: String) -> Self {
        if let Err(unread) = signalbox_diagnostics::check_toml(&text, LARGEST_FILE) {
            let problem = Problem::new(unread.message, unread.at, "here").with_help(unread.help);
            return Self::wrong(text, problem);
        }
        let (table, errors) = DeTable::parse_recoverable(&text);
        let broken: Vec<Range<usize>> = errors.iter().map(|error| error.span().unwrap_or_default()).collect();
        let said = |key: &str| {
            let (at, value) = table.get_ref().get_key_value(key)?;
            // At a value that is cut off, the part that was read may be the name of another business.
            let end = text
                .get(value.span().end..)
                .and_then(|rest| rest.find('\n'))
                .map_or(text.len(), |line| value.span().end + line);
            let is_whole = broken.iter().all(|error| error.end < at.span().start || error.start > end);
            is_whole.then(|| Some((value.get_ref().as_str()?.to_owned(), value.span()))).flatten()
        };
        let id = said("businessId").filter(|(id, _)| is_business_id(id));
        let business_type = said("type").map(|(business_type, _)| business_type);
        let (business_id, id_at) = id.map_or((None, 0..0), |(id, at)| (Some(id), at));
        let business = if errors.is_empty() {
            business(table)
        } else {
            Err(errors.iter().map(|error| problem(error.message(), error.span())).collect())
        };
        Self { business_id, id_at, business_type, business, text }
    }
}

/// The text of a file; otherwise the part of it that could be read, and the problem.
fn text(folder: &Folder, file: &Path) -> Result<String, (String, Problem)> {
    let unreadable = |error: std::io::Error| {
        let problem = Problem::new(format!("the file cannot be read: {error}"), 0..0, "");
        (
            String::new(),
            problem.with_help("put a file there that the host's user may read, or take it out of the folder"),
        )
    };
    let opened = folder.file(file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than allowed shows that the file is too large.
    opened.take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let shown = String::from_utf8_lossy(error.as_bytes()).into_owned();
        (shown, Problem::new("the file is no text in UTF-8", at..at + 1, "here").with_help("save it as UTF-8"))
    })
}

/// The most errors of values that are looked for in one file, because each one means parsing the whole file again.
const MOST_PROBLEMS: usize = 20;

/// The business of a table.
fn business(mut table: Spanned<DeTable<'_>>) -> Result<BusinessInfo, Vec<Problem>> {
    let mut problems = meant(table.get_ref());
    let mut stood_in = BTreeSet::new();
    loop {
        let error = match HandWritten::deserialize(toml::Deserializer::from(table.clone())) {
            Ok(HandWritten(business)) if problems.is_empty() => return Ok(business),
            Ok(_) => return Err(problems),
            Err(error) => error,
        };
        // The deserialiser stops at the first error. Without the entry that has it, the next run finds the next error.
        let span = error.span().unwrap_or_default();
        let (message, missing) = (error.message(), quoted(error.message(), "missing field"));
        if !missing.as_deref().is_some_and(|key| stood_in.contains(key)) {
            problems.push(problem(message, Some(span.clone())));
        }
        let goes_on = match leave_out(table.get_mut(), &span) {
            Some(key) => {
                stood_in.extend(key);
                true
            }
            None => missing.is_some_and(|key| stand_in(table.get_mut(), key)),
        };
        if !goes_on || problems.len() >= MOST_PROBLEMS {
            return Err(problems);
        }
    }
}

/// Removes the innermost entry that has an error from a table. Returns its key when the key may be required; none when
/// there is no such entry. The span of a table with a header covers its header alone, so its entries are searched
/// first.
fn leave_out(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<Option<String>> {
    let is_below = table.iter_mut().any(|(_, value)| leave_out_below(value.get_mut(), span));
    if is_below {
        return Some(None);
    }
    let mut entries = table.iter();
    let key = entries.find_map(|(key, value)| {
        (is_in(span, &key.span()) || is_in(span, &value.span())).then(|| key.get_ref().clone())
    })?;
    table.remove(&*key);
    Some(Some(key.into_owned()))
}

fn leave_out_below(value: &mut DeValue<'_>, span: &Range<usize>) -> bool {
    match value {
        DeValue::Table(inner) => leave_out(inner, span).is_some(),
        DeValue::Array(items) => {
            if items.iter_mut().any(|item| leave_out_below(item.get_mut(), span)) {
                return true;
            }
            let Some(wrong) = items.iter().position(|item| is_in(span, &item.span())) else { return false };
            let rest = std::mem::replace(items, DeArray::new()).into_iter().enumerate();
            *items = rest.filter(|(index, _)| *index != wrong).map(|(_, item)| item).collect();
            true
        }
        _ => false,
    }
}

fn is_in(inner: &Range<usize>, outer: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end && !inner.is_empty()
}

/// Inserts a text for a missing key, so that the deserialiser goes on; false when the key was inserted before.
fn stand_in(table: &mut DeTable<'_>, key: String) -> bool {
    let key = Spanned::new(0..0, Cow::Owned(key));
    table.insert(key, Spanned::new(0..0, DeValue::String(Cow::Borrowed("")))).is_none()
}

/// Problems of values that have the right type.
fn meant(table: &DeTable<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some((id, at)) = string(table, "businessId").filter(|(id, _)| !is_business_id(id)) {
        problems.push(Problem::new(format!("businessId `{id}` must have {BUSINESS_ID_RULE}"), at, "here"));
    }
    let locations = table.get("locations").and_then(|value| value.get_ref().as_array());
    let locations: Vec<&DeTable<'_>> =
        locations.into_iter().flat_map(|items| items.iter()).filter_map(|item| item.get_ref().as_table()).collect();
    for (zone, at) in [table].iter().chain(&locations).filter_map(|table| string(table, "timezone")) {
        if signalbox_model::time_zone(zone).is_none() {
            let problem = Problem::new(format!("timezone `{zone}` is no IANA time zone"), at, "here");
            problems.push(problem.with_help("write for example `Europe/Bucharest`"));
        }
    }
    let mut seen = BTreeSet::new();
    for (id, at) in locations.iter().filter_map(|location| string(location, "id")) {
        if !seen.insert(id) {
            let problem = Problem::new(format!("location `{id}` is there twice"), at, "for the second time");
            problems.push(problem.with_help("give one of them another id"));
        }
    }
    problems
}

fn string<'a>(table: &'a DeTable<'_>, key: &str) -> Option<(&'a str, Range<usize>)> {
    let value = table.get(key)?;
    Some((value.get_ref().as_str()?, value.span()))
}

/// The deserialiser's message as a problem, with help where there is one.
fn problem(message: &str, span: Option<Range<usize>>) -> Problem {
    let at = span.unwrap_or_default();
    if let Some(key) = quoted(message, "unknown field") {
        let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        return Problem::new(format!("unknown key `{key}`"), at, "here").with_help(suggestion(&key, "its keys", known));
    }
    if let Some(key) = quoted(message, "missing field") {
        // The whole table lacks the key, so the problem is shown at the start of the table.
        return Problem::new(format!("key `{key}` is missing"), at.start..at.start, "")
            .with_help(format!("add `{key}`"));
    }
    Problem::new(message, at, "here")
}

/// The name that the deserialiser quotes first in a message of this kind.
fn quoted(message: &str, kind: &str) -> Option<String> {
    let name = message.strip_prefix(kind)?.split('`').nth(1)?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "businessId = \"roma\"\nname = \"Roma\"\ntype = \"restaurant\"\ntimezone = \"Europe/Bucharest\"\n";

    fn told(text: &str) -> Vec<String> {
        let problems = BusinessFile::parse(text.to_owned()).business.unwrap_err();
        let report = signalbox_diagnostics::Report::new("roma.toml", text, problems);
        let line = |problem: signalbox_diagnostics::PlacedProblem<'_>| {
            format!("{}: {} {}", problem.line, problem.message, problem.help.unwrap_or_default())
        };
        report.problems().map(line).collect()
    }

    #[test]
    fn a_file_that_nests_without_end_is_refused_before_it_is_parsed() {
        let told = told(&format!("{GOOD}settings = {}", "[".repeat(100_000)));
        assert!(told[0].contains("nest deeper than 64 levels"), "{told:?}");
    }

    #[test]
    fn everything_that_is_wrong_with_a_business_is_told_at_once_with_its_line() {
        let text = "businessId = \"ro ma\"\nnam = \"Roma\"\ntype = 7\ntimezone = \"Europe/Atlantis\"\n\
                    [[locations]]\nid = \"a\"\nname = \"A\"\ncolour = \"red\"\n[[locations]]\nid = \"a\"\nname = \"B\"\n\
                    timezone = \"Mars\"\n[permissions]\nowner = \"message\"\n";
        let told = told(text);
        for expected in [
            "1: businessId `ro ma` must have 1 to 64 letters",
            "2: unknown key `nam` did you mean `name`?",
            "key `name` is missing",
            "3: invalid type: integer `7`",
            "4: timezone `Europe/Atlantis` is no IANA time zone",
            "8: unknown key `colour` its keys are",
            "10: location `a` is there twice",
            "12: timezone `Mars`",
            "14: invalid type: string \"message\"",
        ] {
            assert!(told.iter().any(|told| told.contains(expected)), "{expected} is missing in {told:#?}");
        }
        assert_eq!(told.len(), 9, "and nothing twice: {told:#?}");
    }

    #[test]
    fn a_file_of_mistakes_without_end_is_told_of_in_bounded_time() {
        let text = format!("{GOOD}{}", (0..40_000).map(|key| format!("k{key} = 1\n")).collect::<String>());
        assert_eq!(told(&text).len(), MOST_PROBLEMS);
    }

    #[test]
    fn every_syntax_error_is_told_and_an_id_is_believed_only_where_it_is_whole() {
        let file = BusinessFile::parse(GOOD.replace("\"Roma\"", "Roma") + "[permissions\n");
        assert_eq!((file.business_id.as_deref(), file.business_type.as_deref()), (Some("roma"), Some("restaurant")));
        assert_eq!(file.business.unwrap_err().len(), 2);
        for broken in ["\"roma", "\"roma\" \"port\"", "roma", "\"ro\\qma\""] {
            let file = BusinessFile::parse(GOOD.replace("\"roma\"", broken));
            assert_eq!(file.business_id, None, "{broken}");
            assert!(file.business.is_err(), "{broken}");
        }
    }
}
