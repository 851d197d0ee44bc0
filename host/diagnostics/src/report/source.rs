//! The source of a report without characters that could act on a terminal.

use signalbox_model::is_hidden;

/// Replaces what a terminal must not be sent. Every other byte keeps its position, so that spans still fit.
pub(super) fn without_hidden(source: &str) -> String {
    let mut shown = String::with_capacity(source.len());
    let mut characters = source.chars().peekable();
    while let Some(character) = characters.next() {
        let ends_line = character == '\n' || (character == '\r' && characters.peek() == Some(&'\n'));
        if !is_hidden(character) || character == '\t' || ends_line {
            shown.push(character);
            continue;
        }
        shown.push_str(match character.len_utf8() {
            1 => "?",
            2 => "??",
            3 => "\u{fffd}",
            _ => "\u{fffd}?",
        });
    }
    shown
}
