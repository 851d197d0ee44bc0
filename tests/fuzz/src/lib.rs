//! Properties that must hold for any bytes. Each function is the body of one fuzz target: it takes bytes, and panics
//! when a property is violated. `fuzz/` runs them under libFuzzer for a chosen time; `tests/short.rs` runs each on its
//! corpus and on some thousand mutations of it.
#![allow(clippy::panic, clippy::expect_used, reason = "a broken promise is told by a panic, as fuzzers expect it")]

#[cfg(feature = "host")]
mod configuration;
mod expression;
mod frames;
#[cfg(feature = "host")]
mod items;
mod manifest;
#[cfg(feature = "host")]
mod template;
#[cfg(feature = "host")]
mod webhook;

#[cfg(feature = "host")]
pub use configuration::configuration;
pub use expression::expression;
pub use frames::frames;
#[cfg(feature = "host")]
pub use items::items;
pub use manifest::manifest;
#[cfg(feature = "host")]
pub use template::template;
#[cfg(feature = "host")]
pub use webhook::webhook;

/// A fuzz target: it takes bytes.
pub type Target = fn(&[u8]);

/// Every target with its name, which is also the name of its corpus.
#[cfg(feature = "host")]
pub const TARGETS: [(&str, Target); 7] = [
    ("frames", frames),
    ("webhook", webhook),
    ("manifest", manifest),
    ("expression", expression),
    ("template", template),
    ("items", items),
    ("configuration", configuration),
];

/// The parts before and after a line of three dashes.
fn parts(text: &str) -> (&str, &str) {
    text.split_once("\n---\n").unwrap_or((text, ""))
}
