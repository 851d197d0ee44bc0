use std::io::Write as _;

use serde::Serialize;
use signalbox_model::Timestamp;

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
    line(&serde_json::to_string_pretty(value)?)
}

/// Writes one JSON value on one line to standard output.
pub fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string(value)?)
}

/// A moment for a person, to the second, in UTC; for a column that says so.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A moment in a sentence.
pub fn moment_utc(at: Timestamp) -> String {
    format!("{} UTC", moment(at))
}

/// Tells a person what went wrong, on standard error.
pub fn problem(text: &str) {
    // There is nowhere left to say that this failed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// What came from outside, made safe for a terminal: control characters are shown, not obeyed.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| match character {
            '\n' => vec![character],
            _ if character.is_control() => character.escape_default().collect(),
            _ => vec![character],
        })
        .collect()
}
