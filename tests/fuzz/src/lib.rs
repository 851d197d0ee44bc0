//! What must hold for whatever bytes come. Each function is the body of one fuzz target: it takes bytes, and panics
//! when a promise is broken. `fuzz/` runs them under libFuzzer for as long as somebody likes; `tests/short.rs` runs
//! each on its corpus and on some thousand changes of it.
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

/// What takes the bytes of one target.
pub type Target = fn(&[u8]);

/// Every target under its name, which is also that of its corpus.
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

/// The parts that a line of three dashes divides.
fn parts(text: &str) -> (&str, &str) {
    text.split_once("\n---\n").unwrap_or((text, ""))
}
