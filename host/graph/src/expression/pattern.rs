//! Regular expressions in conditions: compiled once, when the bundle is loaded, within limits.

use regex_automata::meta;
use regex_automata::nfa::thompson::NFA;
use regex_automata::util::syntax;

/// The largest automaton of one pattern, in bytes; enough for about six `\w`.
const LARGEST: usize = 128 << 10;

/// How deep the groups of a pattern may nest.
const DEEPEST: u32 = 32;

/// The most bytes that the lazy automaton of one pattern keeps while it is used.
const CACHE_BYTES: usize = 64 << 10;

/// A compiled regular expression and its cost.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: meta::Regex,
    states: u64,
}

impl Pattern {
    /// Compiles a pattern, or says why the host does not accept it.
    pub fn compile(pattern: &str) -> Result<Self, String> {
        let syntax = syntax::Config::new().nest_limit(DEEPEST);
        let nfa = NFA::compiler()
            .syntax(syntax)
            .configure(NFA::config().nfa_size_limit(Some(LARGEST)))
            .build(pattern)
            .map_err(|error| why(&error, error.size_limit().is_some()))?;
        // A second automaton, which reads backwards, is larger for classes that cover all of Unicode.
        let limits = meta::Config::new()
            .nfa_size_limit(Some(4 * LARGEST))
            .hybrid_cache_capacity(CACHE_BYTES)
            .dfa_size_limit(Some(CACHE_BYTES))
            .onepass_size_limit(Some(CACHE_BYTES));
        let regex = meta::Builder::new()
            .syntax(syntax)
            .configure(limits)
            .build(pattern)
            .map_err(|error| why(&error, error.size_limit().is_some()))?;
        Ok(Self { regex, states: nfa.states().len() as u64 })
    }

    /// Whether a part of the text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The highest cost of searching so many bytes, in units of work: in the worst case the search visits every state
    /// for every byte.
    pub fn work(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(1 + self.states)
    }
}

/// The innermost reason, in one line. It leaves out the pattern, which the caret shows already.
fn why(error: &dyn std::error::Error, too_large: bool) -> String {
    if too_large {
        return format!("the pattern compiles to more than {} KiB", LARGEST >> 10);
    }
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    let told = innermost.to_string();
    let line = told.lines().rev().find_map(|line| line.strip_prefix("error: ")).or_else(|| told.lines().last());
    format!("the pattern is no regular expression: {}", line.unwrap_or("it cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_would_compile_to_much_is_refused_before_it_is() {
        for pattern in [r"(\pL{1,30}){1,5}\pN$", "((((a{100}){100}){100}){100}){100}", r"(?i)(\w{1,50}\s){20}"] {
            assert!(Pattern::compile(pattern).unwrap_err().contains("more than 128 KiB"), "{pattern}");
        }
        let deep = format!("{}a{}", "(".repeat(400), ")".repeat(400));
        assert!(
            Pattern::compile(&deep).unwrap_err().contains("no regular expression"),
            "{:?}",
            Pattern::compile(&deep)
        );
        assert!(Pattern::compile("(foo").unwrap_err().contains("unclosed group"));
    }

    #[test]
    fn patterns_of_every_day_are_taken() {
        for pattern in [
            r"^\w+([.-]\w+)*@\w+([.-]\w+)+$",
            r"^\d{4}-\d{2}-\d{2}$",
            r"(?i)\b(masă|rezervare|table)\b",
            r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$",
            r"\+?[0-9 ()-]{6,20}",
        ] {
            assert!(Pattern::compile(pattern).is_ok(), "{pattern}: {:?}", Pattern::compile(pattern));
        }
        assert!(Pattern::compile("^a+$").unwrap().is_match("aaa"));
    }
}
