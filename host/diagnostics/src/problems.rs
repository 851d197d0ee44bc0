//! Collects everything that is wrong with a text while the text is read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::report::{MAX_PROBLEMS, Problem};

/// The problems found so far.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    errors: usize,
    keys: Option<BTreeMap<String, BTreeSet<&'static str>>>,
}

impl Problems {
    /// No problems yet. Every table that is read is noted with the keys that it may have, for tests that compare a
    /// guide or a schema with what the reader reads.
    pub fn noting_keys() -> Self {
        Self { keys: Some(BTreeMap::new()), ..Self::default() }
    }

    /// The tables that were read, as messages call them, with the keys that each may have. Empty unless keys are noted.
    pub fn keys(&self) -> BTreeMap<String, BTreeSet<&'static str>> {
        self.keys.clone().unwrap_or_default()
    }

    /// Adds a problem without a label, because the message says it all.
    pub fn add(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.push(Problem::new(message, span.clone(), "here").with_help(help));
    }

    /// Adds a warning: the text can be used, but its author may have meant something else.
    pub fn warn(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.push(Problem::warning(message, span.clone(), "here").with_help(help));
    }

    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        let is_error = problem.is_error();
        self.errors += usize::from(is_error);
        // One problem more than a report shows makes the report say that there are more. When the list is full, an
        // error takes the place of a warning.
        if self.list.len() <= MAX_PROBLEMS {
            self.list.push(problem);
        } else if is_error && let Some(warning) = self.list.iter_mut().rfind(|problem| !problem.is_error()) {
            *warning = problem;
        }
    }

    /// Whether a report would not show further problems, so that the caller need not look for more.
    pub fn is_full(&self) -> bool {
        self.errors > MAX_PROBLEMS
    }

    /// Whether one of the problems is an error, which prevents the use of the text.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// All problems, in the order in which they were found.
    pub fn into_list(self) -> Vec<Problem> {
        self.list
    }

    pub(crate) fn note_keys(&mut self, place: &str, known: impl IntoIterator<Item = &'static str>) {
        if let Some(keys) = &mut self.keys {
            keys.entry(place.to_owned()).or_default().extend(known);
        }
    }
}
