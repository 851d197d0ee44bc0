//! What an expression is for and what is known around it, and what is wrong with it.

use std::ops::Range;

use super::kinds::ValueKinds;

/// What is wrong with an expression, and where in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpressionProblem {
    pub message: String,
    pub help: String,
    pub at: Option<Range<usize>>,
    /// Whether it may be right all the same.
    pub is_warning: bool,
}

impl ExpressionProblem {
    /// A mistake somewhere in the expression.
    pub fn new(message: String, help: String) -> Self {
        Self { message, help, at: None, is_warning: false }
    }
}

/// What an expression is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpressionPurpose {
    /// `when`
    Condition,
    /// `for-each`
    List,
}

/// What is known around an expression before anything runs.
pub(crate) struct Surroundings<'a> {
    pub wanted: ExpressionPurpose,
    /// The kinds of values that a channel can hold.
    pub channels: &'a (dyn Fn(&str) -> ValueKinds + Sync),
    /// The permissions that the host and the bundle know.
    pub permissions: &'a [&'a str],
}
