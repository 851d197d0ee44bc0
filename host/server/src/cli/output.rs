use std::io::Write as _;

use serde::Serialize;
use signalbox_model::Timestamp;
use unicode_width::UnicodeWidthStr;

/// Writes text to standard output as it is.
pub fn text(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Writes one line to standard output.
pub fn line(line: &str) -> anyhow::Result<()> {
    text(&format!("{line}\n"))
}

/// Writes JSON for programs to standard output: readable, ending in a newline.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&signalbox_model::visible_json(&serde_json::to_string_pretty(value)?))
}

/// Writes one JSON value on one line to standard output.
pub fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    line(&signalbox_model::visible_json(&serde_json::to_string(value)?))
}

/// A moment in UTC to the second, for a column whose header names UTC.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A moment in a sentence, with `UTC` written out.
pub fn moment_utc(at: Timestamp) -> String {
    format!("{} UTC", moment(at))
}

/// Tells a person about an error, on standard error.
pub fn problem(text: &str) {
    // A failed write to standard error cannot be reported anywhere.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Makes text from outside safe for a terminal: characters that control the terminal, reorder a line or are invisible
/// are printed as escapes.
pub fn printable(text: &str) -> String {
    signalbox_model::visible(text).into_owned()
}

/// The same for a cell of a table: on one line, and padded with spaces to a number of terminal columns.
pub fn cell(text: &str, columns: usize) -> String {
    let mut cell = signalbox_model::visible_line(text).into_owned();
    let free = columns.saturating_sub(UnicodeWidthStr::width(cell.as_str()));
    cell.extend(std::iter::repeat_n(' ', free));
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_takes_its_columns_whatever_somebody_wrote_into_it() {
        for (text, shown) in [
            ("abc", "abc     "),
            ("寿司", "寿司    "),
            ("s\u{326}i", "s\u{326}i      "),
            ("a\nb", "a\\nb    "),
            ("\u{202e}", "\\u{202e}"),
            ("longer than that", "longer than that"),
        ] {
            assert_eq!(cell(text, 8), shown);
        }
    }
}
