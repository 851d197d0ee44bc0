//! The purpose of an expression, what is known in its place, and its problems.

use std::ops::Range;

use super::kinds::ValueKinds;

/// A problem of an expression, and its place in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpressionProblem {
    pub message: String,
    pub help: String,
    pub at: Option<Range<usize>>,
    /// Whether the expression may be right nevertheless.
    pub is_warning: bool,
}

impl ExpressionProblem {
    /// A mistake without a place within the expression.
    pub fn new(message: String, help: String) -> Self {
        Self { message, help, at: None, is_warning: false }
    }
}

/// The purpose of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpressionPurpose {
    /// `when`
    Condition,
    /// `for-each`
    List,
}

/// What is known before anything runs.
pub(crate) struct Surroundings<'a> {
    pub wanted: ExpressionPurpose,
    /// The kinds of values that a channel can hold.
    pub channels: &'a (dyn Fn(&str) -> ValueKinds + Sync),
    /// The permissions that the host and the bundle know.
    pub permissions: &'a [&'a str],
}
