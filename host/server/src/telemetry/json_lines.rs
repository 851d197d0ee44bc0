//! One JSON object a line. It holds the fields of all spans around an event beside the event's own, so that every line
//! written while a decision runs carries its `correlation_id`, whichever crate wrote it.

use std::fmt;
use std::io::Write;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// The key that holds the fields that a plugin logs.
const PLUGIN_FIELDS: &str = "fields";

/// Writes log lines to the writer that `open` gives.
pub struct JsonLines<W> {
    open: W,
}

impl<W> JsonLines<W> {
    /// Each line is passed to the writer in one piece, so that lines of several threads do not mix.
    pub fn to(open: W) -> Self {
        Self { open }
    }
}

/// The fields of a span or an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl<S, W, O> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn() -> O + 'static,
    O: Write,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.0.extend(fields.0.clone());
            }
            line.0.insert("span".to_owned(), span.name().into());
        }
        event.record(&mut line);
        // Inserted last, so that no field of a plugin can replace them.
        line.0.insert("timestamp".to_owned(), super::moment().into());
        line.0.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.0.insert("target".to_owned(), event.metadata().target().into());
        // JSON escapes only control characters below 0x20; the other characters that control or reorder a terminal are
        // escaped here too.
        let mut text = signalbox_model::visible_json(&Value::Object(line.0).to_string()).into_owned();
        text.push('\n');
        // A failed write of the log cannot be reported anywhere.
        let _ = (self.open)().write_all(text.as_bytes());
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        // A plugin's fields arrive as the text of a JSON object and become an object again here.
        let object = (field.name() == PLUGIN_FIELDS).then(|| serde_json::from_str::<Map<String, Value>>(value).ok());
        let value = object.flatten().map_or_else(|| value.into(), Value::Object);
        self.0.insert(field.name().to_owned(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        self.0.insert(field.name().to_owned(), text.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<String> {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::registry().with(JsonLines::to(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, log);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_line_inside_a_decision_carries_its_correlation_id() {
        let lines = lines(|| {
            let span = tracing::info_span!("input", correlation_id = "cor_1", decision_id = tracing::field::Empty);
            let _entered = span.enter();
            span.record("decision_id", "dec_1");
            let node = tracing::info_span!("node", node = "classify");
            node.in_scope(|| tracing::warn!(count = 3, "from within"));
        });
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["correlation_id"], "cor_1");
        assert_eq!(line["decision_id"], "dec_1");
        assert_eq!(line["node"], "classify");
        assert_eq!(line["count"], 3);
        assert_eq!(line["message"], "from within");
        assert_eq!(line["level"], "WARN");
        let moment = line["timestamp"].as_str().unwrap();
        assert!(moment.parse::<jiff::Timestamp>().is_ok());
        assert_eq!(moment.len(), "2026-11-30T08:00:00.000Z".len(), "{moment}");
    }

    #[test]
    fn the_fields_of_a_plugin_stay_together_under_their_own_name() {
        let lines = lines(|| {
            tracing::info!(fields = r#"{"level":"ERROR","guests":4}"#, "booked");
            tracing::info!(fields = "not JSON", "booked");
        });
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["fields"]["guests"], 4);
        assert_eq!(line["level"], "INFO");
        assert_eq!(serde_json::from_str::<Value>(&lines[1]).unwrap()["fields"], "not JSON");
    }

    #[test]
    fn what_a_plugin_logs_cannot_break_out_of_its_line_or_pass_for_another() {
        let lines = lines(|| {
            let nasty = "a\r\nb\u{1b}[31m\u{7f}\u{9b}0m\u{2028}\u{202e}\u{200b}\u{e0041}{\"level\":1}";
            tracing::info!(level = "ERROR", target = "bank", "{nasty}");
        });
        assert_eq!(lines.len(), 1);
        assert!(!lines[0].chars().any(signalbox_model::is_hidden), "{}", lines[0]);
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["level"], "INFO");
        assert!(line["target"].as_str().unwrap().contains("json_lines"));
        assert_eq!(line["message"], "a\r\nb\u{1b}[31m\u{7f}\u{9b}0m\u{2028}\u{202e}\u{200b}\u{e0041}{\"level\":1}");
    }
}
