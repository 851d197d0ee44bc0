//! Limits that the text of a file must keep before a parser reads it. Parsers recurse as deep as a text nests, keep
//! looking for mistakes, and may build much from a few bytes.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use crate::report::{MAX_PROBLEMS, Problem};

/// How deep lists and inline tables of a file may nest.
const MAX_NESTING: usize = 64;

/// How many parts a dotted key may have.
const MAX_KEY_PARTS: usize = 32;

/// The most lines of a file: each may be a mistake.
const MAX_LINES: usize = 50_000;

/// Why a text is refused before it is parsed, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unread {
    /// Which limit the text exceeds.
    pub message: String,
    /// What the author can do.
    pub help: &'static str,
    /// Where in the text the limit is exceeded.
    pub at: Range<usize>,
}

/// Checks that a TOML text has at most `limit` bytes and nests no deeper than texts that people write. It reads the
/// text once and needs no parser.
pub fn check_toml(text: &str, limit: usize) -> Result<(), Unread> {
    if text.len() > limit {
        let message = format!("the file has {} bytes, more than {limit}", text.len());
        return Err(Unread { message, help: "cut it into several, or leave out what nothing uses", at: 0..0 });
    }
    let (mut depth, mut parts, mut lines) = (0_usize, 1_usize, 0_usize);
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'#' => at = end_of_line(bytes, at),
            b'"' | b'\'' => {
                let end = end_of_string(bytes, at, *byte);
                lines += bytes.get(at..end).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
                at = end;
                continue;
            }
            b'[' | b'{' => (depth, parts) = (depth + 1, 1),
            b']' | b'}' => (depth, parts) = (depth.saturating_sub(1), 1),
            b'\n' => (lines, parts) = (lines + 1, 1),
            b'=' | b',' => parts = 1,
            b'.' => parts += 1,
            _ => {}
        }
        let (message, help) = if depth > MAX_NESTING {
            let message = format!("lists and tables nest deeper than {MAX_NESTING} levels");
            (message, "close what was opened before, or flatten it")
        } else if parts > MAX_KEY_PARTS {
            (format!("a key has more than {MAX_KEY_PARTS} parts"), "write shorter keys")
        } else if lines > MAX_LINES {
            (format!("the file has more than {MAX_LINES} lines"), "cut it into several, or leave out what nothing uses")
        } else {
            at += 1;
            continue;
        };
        return Err(Unread { message, help, at: at..at + 1 });
    }
    Ok(())
}

/// A TOML text of at most `limit` bytes as a document, or every problem that prevents parsing it.
pub fn parse_toml(text: &str, limit: usize) -> Result<Spanned<DeTable<'_>>, Vec<Problem>> {
    let (document, mut problems) = parse_toml_partly(text, limit);
    if problems.is_empty() {
        return Ok(document);
    }
    // One problem more than a report shows makes the report say that there are more.
    problems.truncate(MAX_PROBLEMS + 1);
    Err(problems)
}

/// The part of a TOML text of at most `limit` bytes that can be parsed, for a caller that needs some key even when the
/// text has mistakes; with every problem of the text. A value near a problem may be only a part of what was meant.
pub fn parse_toml_partly(text: &str, limit: usize) -> (Spanned<DeTable<'_>>, Vec<Problem>) {
    if let Err(Unread { message, help, at }) = check_toml(text, limit) {
        return (Spanned::new(0..0, DeTable::new()), vec![Problem::new(message, at, "here").with_help(help)]);
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    (document, errors.iter().map(|error| syntax(error, text)).collect())
}

fn syntax(error: &toml::de::Error, text: &str) -> Problem {
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    Problem::new(format!("this is not TOML: {message}"), error.span().unwrap_or(text.len()..text.len()), "here")
        .with_help("TOML wants `key = value` lines and [table] headers, strings in quotes")
}

fn end_of_line(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    // The caller's loop reads the newline itself next.
    rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| from + length.saturating_sub(1))
}

/// The position after the string that begins here. For a string that is never closed it is the end of the line, and for
/// one in triple quotes the end of the text.
fn end_of_string(bytes: &[u8], from: usize, quote: u8) -> usize {
    let long = bytes.get(from..from + 3) == Some(&[quote; 3]);
    let mut at = from + if long { 3 } else { 1 };
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if !long => return at,
            byte if *byte == quote && !long => return at + 1,
            byte if *byte == quote && bytes.get(at..at + 3) == Some(&[quote; 3]) => return at + 3,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    #[test]
    fn what_nests_or_goes_on_without_end_is_refused_before_a_parser_sees_it() {
        for (text, why) in [
            ("x=[".repeat(100_000), "nest deeper"),
            ("x=[\n".repeat(40_000), "nest deeper"),
            ("x={y=".repeat(10_000), "nest deeper"),
            (format!("{}=1", vec!["a"; 1_000].join(".")), "more than 32 parts"),
            (format!("[{}]", vec!["a"; 1_000].join(" . ")), "more than 32 parts"),
            (format!("{}=1", vec!["\"a.b\""; 1_000].join(".")), "more than 32 parts"),
            ("=\n".repeat(60_000), "more than 50000 lines"),
            (format!("x = \"\"\"{}\"\"\"\n", "\n".repeat(60_000)), "more than 50000 lines"),
            ("a".repeat(2 << 20), "more than 1048576"),
        ] {
            let told = check_toml(&text, LIMIT).unwrap_err();
            assert!(told.message.contains(why), "{told:?}");
        }
    }

    #[test]
    fn brackets_and_dots_in_strings_and_comments_are_text() {
        for text in [
            format!("x = \"{}\"", "[".repeat(1_000)),
            format!("x = '{}'", "{.".repeat(1_000)),
            format!("x = \"\"\"\n\"{}\n\"\"\"\ny = 1", "[.".repeat(1_000)),
            format!("x = '''\n{}'''", "[.".repeat(1_000)),
            format!("# {}\ny = 1", "[.".repeat(1_000)),
            format!("x = \"a\\\"{}\"", "[".repeat(1_000)),
            format!("x = [{}]", vec!["[1, 2.5]"; 10_000].join(", ")),
            "#\n#".to_owned(),
        ] {
            assert_eq!(check_toml(&text, LIMIT), Ok(()), "{text:.40}");
        }
    }
}
