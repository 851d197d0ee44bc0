use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use signalbox_capabilities::rag::ModelFileError;
use signalbox_diagnostics::Report;
use thiserror::Error;

use crate::generation::Written;

/// Why the sandbox cannot start.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// The engine or its pool cannot be created on this machine.
    #[error("cannot set up the sandbox: {0}")]
    Engine(String),
    /// The folder of compiled components cannot be used.
    #[error("cannot use the cache of compiled components at {}: {reason}", .path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Why a bundle was not loaded. The live generation stays unchanged.
#[derive(Debug, Error)]
pub enum BundleError {
    /// The folder, or a file in it, cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The bundle has errors; the refusal has all of them.
    #[error(transparent)]
    Refused(Box<Refusal>),
}

/// Everything that is wrong with a bundle.
#[derive(Debug)]
pub struct Refusal {
    /// The problems of `bundle.toml` and of the components that it names, at their places in it.
    pub report: Option<Report>,
    /// The problems of its message models, including warnings.
    pub models: Vec<ModelFileError>,
    /// The part of the manifest that could be read; none when there was no more than the report shows.
    pub written: Option<Arc<Written>>,
}

impl Refusal {
    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.report.as_ref().map_or(0, Report::errors) + self.models.iter().map(ModelFileError::errors).sum::<usize>()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.report.as_ref().map_or(0, Report::warnings)
            + self.models.iter().map(ModelFileError::warnings).sum::<usize>()
    }

    /// The type of the businesses that the bundle is for, if it could be read.
    pub fn business_type(&self) -> Option<&str> {
        self.written.as_ref()?.business_type.as_deref()
    }

    /// The whole refusal as a terminal shows it.
    pub fn render(&self, colour: bool) -> String {
        let mut out = self.report.as_ref().map(|report| report.render(colour)).unwrap_or_default();
        for model in &self.models {
            out.push_str(&model.render(colour));
        }
        out
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Refusal {}
