//! `signalbox:log`: log lines with the decision's correlation id, limited per call.

use signalbox_bindings::signalbox::log::log::{Host, Level};

use crate::Calls;

/// The longest line that is not shortened.
const LONGEST_LINE: usize = 4_096;

impl Host for Calls {
    async fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        self.count_call()?;
        let extra = if fields.is_empty() { String::new() } else { serde_json::to_string(&as_object(fields))? };
        self.line(level, &message, &extra);
        Ok(())
    }
}

/// Writes a line that the guest printed to its standard output or error.
pub fn guest_output(calls: &mut Calls, line: &str) {
    calls.line(Level::Info, line, "");
}

fn as_object(fields: Vec<(String, String)>) -> serde_json::Map<String, serde_json::Value> {
    fields.into_iter().map(|(name, value)| (name, serde_json::Value::String(cut(&value).to_owned()))).collect()
}

impl Calls {
    fn line(&mut self, level: Level, message: &str, fields: &str) {
        let message = cut(message);
        let size = (message.len() + fields.len()) as u64;
        if self.log_lines >= self.policy.max_log_lines || self.log_bytes + size > self.policy.max_log_bytes {
            self.record.log_lines_dropped += 1;
            return;
        }
        self.log_lines += 1;
        self.log_bytes += size;
        // Passed as a value and not by `Display`, so that JSON log lines contain an object and not a string of JSON.
        let fields = (!fields.is_empty()).then_some(fields);
        // The correlation id comes from the span around the decision; control characters are escaped by the formatter.
        macro_rules! write_line {
            ($level:ident) => {
                tracing::$level!(
                    target: "signalbox::plugin",
                    plugin = %self.policy.name,
                    node = %self.node,
                    decision_id = %self.scope.decision_id,
                    fields,
                    "{message}"
                )
            };
        }
        match level {
            Level::Trace => write_line!(trace),
            Level::Debug => write_line!(debug),
            Level::Info => write_line!(info),
            Level::Warn => write_line!(warn),
            Level::Error => write_line!(error),
        }
    }
}

/// The start of a text, cut at a character boundary.
fn cut(text: &str) -> &str {
    if text.len() <= LONGEST_LINE {
        return text;
    }
    let end = (0..=LONGEST_LINE).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
