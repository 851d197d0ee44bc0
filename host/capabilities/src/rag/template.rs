//! Templates of message models: our own implementation of Jinja's grammar, in which every operation has a cost, so that
//! no template can use more time or memory than a message may.

mod check;
mod compare;
mod filters;
mod language;
mod meter;
mod predicates;
mod reader;
mod run;
mod value;

use signalbox_model::{JsonObject, MessageModel};
use thiserror::Error;

use meter::{RenderError, RenderErrorKind, RenderMeter};
use run::TemplateRun;

/// The longest template, in bytes.
const LONGEST_TEMPLATE: usize = 16 * 1024;
/// The longest message, in bytes.
const LONGEST_MESSAGE: usize = 16 * 1024;
/// The most parameters of a model.
const MOST_PARAMETERS: usize = 256;

/// Errors of a template or its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// It is not a valid template.
    #[error("syntax error: {reason} (line {line} of the template)")]
    Syntax {
        /// What is wrong.
        reason: String,
        /// The template's line, from 1.
        line: usize,
    },
    /// It uses something that the language does not have.
    #[error("there is no {what}; {way_out} (line {line} of the template)")]
    Unknown {
        /// The kind of thing, and its name.
        what: String,
        /// What can be used instead.
        way_out: String,
        /// The template's line, from 1.
        line: usize,
    },
    /// It uses a parameter that the model does not declare.
    #[error(
        "the template uses `{name}`, which is not among its parameters; add it there or remove it from the template"
    )]
    Undeclared {
        /// The parameter.
        name: String,
        /// The template's line, from 1.
        line: usize,
    },
    /// It uses a name outside of the scope in which it sets the name.
    #[error(
        "the template uses `{name}` where it is not set any more: a `for` or `with` keeps what it sets for itself; use it \
         there, or choose with `{{% for … in … if … %}}`, `selectattr`, `sum` or `join`"
    )]
    Ended {
        /// The name.
        name: String,
        /// The template's line, from 1.
        line: usize,
    },
    /// A part of it fails, or has no meaning, for all parameters.
    #[error("{what} can never work here: {reason} (line {line} of the template)")]
    Never {
        /// The part.
        what: String,
        /// Why, and what would work.
        reason: String,
        /// The template's line, from 1.
        line: usize,
    },
    /// It uses a name that it sets only when a condition holds.
    #[error(
        "`{name}` is set only when a condition holds, and is used here without it; set it before the `if`, or write \
         `{name} | default('…')` (line {line} of the template)"
    )]
    PerhapsUnset {
        /// The name.
        name: String,
        /// The template's line, from 1.
        line: usize,
    },
    /// It sets a name in a loop, and no expression reads the new value.
    #[error(
        "`{name}` is set in a loop for nobody: every round begins with what `{name}` was before the loop, and so does \
         what comes behind it; use `sum`, `join` or `selectattr`, or give the finished value as a parameter (line {line} \
         of the template)"
    )]
    Lost {
        /// The name.
        name: String,
        /// The template's line, from 1.
        line: usize,
    },
    /// There are too many parameters.
    #[error("the model has {0} parameters; at most {MOST_PARAMETERS} are taken")]
    TooManyParameters(usize),
    /// A parameter is missing.
    #[error("the parameter `{0}` is missing; give it in the response's data")]
    Missing(String),
    /// It exceeds the length of a template.
    #[error("the template has {0} bytes; at most {LONGEST_TEMPLATE} are taken")]
    TooLong(usize),
    /// It takes too much work.
    #[error(
        "rendering takes too much work; go through fewer items, or let the plugin prepare what the template calculates"
    )]
    TooMuch,
    /// The message is too long.
    #[error("rendering makes a message of over {LONGEST_MESSAGE} bytes")]
    MessageTooLong,
    /// It fails with these parameters.
    #[error("{reason} (line {line} of the template)")]
    Render {
        /// What is wrong.
        reason: String,
        /// The template's line, from 1.
        line: usize,
    },
}

impl TemplateError {
    /// The line of the template, if the error is about one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Syntax { line, .. }
            | Self::Unknown { line, .. }
            | Self::Undeclared { line, .. }
            | Self::Ended { line, .. }
            | Self::Never { line, .. }
            | Self::PerhapsUnset { line, .. }
            | Self::Lost { line, .. }
            | Self::Render { line, .. } => Some(*line),
            _ => None,
        }
    }
}

/// A limit of work for one rendering, in steps. A long message takes some hundred steps; a step takes far less than a
/// microsecond, also in a debug build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderSteps(u32);

impl RenderSteps {
    /// The work that may be done on a runtime thread without delaying other tasks.
    pub const BRIEF: Self = Self(5_000);
    /// The most work of any message.
    pub const FULL: Self = Self(100_000);
}

/// The template of a message model, parsed and with all names resolved.
#[derive(Debug)]
pub struct Template {
    read: reader::Read,
    parameters: Vec<String>,
}

impl Template {
    /// Reads a model's template. Reports everything that is wrong with it.
    pub fn read(model: &MessageModel) -> Result<Self, Vec<TemplateError>> {
        if model.message_template.len() > LONGEST_TEMPLATE {
            return Err(vec![TemplateError::TooLong(model.message_template.len())]);
        }
        if model.parameters.len() > MOST_PARAMETERS {
            return Err(vec![TemplateError::TooManyParameters(model.parameters.len())]);
        }
        let read = reader::read(&model.message_template, &model.parameters)?;
        Ok(Self { read, parameters: model.parameters.clone() })
    }

    /// The parts that fail, or have no meaning, for all parameters, by line. Reported to the author of a model; a
    /// stored template is rendered as far as possible nevertheless.
    pub fn mistakes(&self) -> Vec<TemplateError> {
        check::mistakes(&self.read)
    }

    /// The parts that work with some parameters only, or have no effect, by line.
    pub fn doubts(&self) -> Vec<TemplateError> {
        check::doubts(&self.read, &self.parameters)
    }

    /// The parameters that the template does not use.
    pub fn unused(&self) -> Vec<&str> {
        check::unused(&self.read, &self.parameters)
    }

    /// The message for these parameters, within a limit of work. The same parameters always give the same result.
    pub fn render(&self, parameters: &JsonObject, work: RenderSteps) -> Result<String, TemplateError> {
        let given = |name: &&String| parameters.get(*name).is_none_or(serde_json::Value::is_null);
        if let Some(missing) = self.parameters.iter().find(given) {
            return Err(TemplateError::Missing(missing.clone()));
        }
        let run = TemplateRun::new(&self.read, parameters, RenderMeter::new(work));
        run.message().map_err(|RenderError { kind, line }| match kind {
            RenderErrorKind::TooMuch => TemplateError::TooMuch,
            RenderErrorKind::TooLong => TemplateError::MessageTooLong,
            RenderErrorKind::Failed(reason) => {
                TemplateError::Render { reason: reason.into(), line: line.max(1).into() }
            }
        })
    }
}

/// Why no template could use a parameter with this name; none when a template could.
pub(super) fn parameter_problem(name: &str) -> Option<&'static str> {
    reader::name_problem(name)
}

#[cfg(test)]
mod guarantees;
