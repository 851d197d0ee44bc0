use signalbox_model::{HumanDuration, HumanSize};
use thiserror::Error;

/// Why a component was not compiled. The text follows the plugin's name: "plugin `x` takes more than …".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompileError {
    /// It is not a valid component, or uses a feature that is switched off.
    #[error("does not compile: {0}")]
    Invalid(String),
    /// Compiling it takes too long.
    #[error("takes more than {0} to compile")]
    Time(HumanDuration),
    /// Compiling it takes too much memory.
    #[error("takes more than {0} of memory to compile")]
    Memory(HumanSize),
    /// Its native code is too large.
    #[error("becomes more than {0} of native code")]
    Code(HumanSize),
    /// The compiler ended for another reason.
    #[error("breaks the compiler: {0}")]
    Broken(String),
    /// The compiler could not be run.
    #[error("cannot be compiled here: {0}")]
    Unavailable(String),
}

impl CompileError {
    pub(super) fn invalid(error: &wasmtime::Error) -> Self {
        Self::Invalid(in_words(&format!("{error:#}")))
    }

    /// What to do about it.
    pub fn way_out(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "build it again for wasm32-wasip2",
            Self::Time(_) => {
                "build it with `opt-level = \"s\"` and `lto`, split it, or raise `compile-time` under [sandbox]"
            }
            Self::Memory(_) => {
                "build it with `opt-level = \"s\"` and `lto`, split it, or raise `compile-memory` under [sandbox]"
            }
            Self::Code(_) => "build it with `opt-level = \"s\"` and `lto`, or split it",
            Self::Broken(_) => "do not use it; if you built it yourself, report it with the component",
            Self::Unavailable(_) => "see that the host may start processes and has memory left, then load it again",
        }
    }

    /// The label in metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Time(_) => "time",
            Self::Memory(_) => "memory",
            Self::Code(_) => "code",
            Self::Broken(_) => "broken",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// A compiler's message, which may quote names of the component: shortened, on one line, and without characters that a
/// terminal would act on.
pub(super) fn in_words(text: &str) -> String {
    const LONGEST: usize = 600;
    let plain = text.trim().chars().map(|char| match char {
        '\n' | '\t' => ' ',
        char if char.is_control() => char::REPLACEMENT_CHARACTER,
        char => char,
    });
    plain.take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_components_names_cannot_speak_to_the_terminal() {
        assert_eq!(in_words("bad\u{1b}[2J\nname\r\n"), "bad\u{fffd}[2J name");
        assert_eq!(in_words(&"x".repeat(10_000)).len(), 600);
    }
}
