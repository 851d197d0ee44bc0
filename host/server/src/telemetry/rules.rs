//! Decides which lines are logged: the operator's filter, and a limit for the libraries that the host uses.
//!
//! A library at `debug` or `trace` prints the data that passes through it: headers with tokens, frames with people's
//! messages. Its lines are therefore written only when both filters allow them.

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer};

/// Decides which lines are written.
pub struct LogRules {
    all: EnvFilter,
    libraries: Targets,
}

impl LogRules {
    /// The rules of `telemetry.log` and `telemetry.library-log`.
    pub fn read(log: &str, library_log: &str) -> anyhow::Result<Self> {
        use anyhow::Context as _;
        Ok(Self {
            all: EnvFilter::try_new(log).with_context(|| format!("telemetry.log = {log:?}"))?,
            libraries: library_log.parse().with_context(|| format!("telemetry.library-log = {library_log:?}"))?,
        })
    }

    /// Whether the filters allow lines of libraries that may hold secrets or messages.
    pub fn lets_libraries_tell_all(&self) -> bool {
        let told = |level| move |filter: &LevelFilter| *filter >= level;
        self.libraries.iter().map(|(_, level)| level).any(|level| told(LevelFilter::DEBUG)(&level))
            || self.libraries.default_level().as_ref().is_some_and(told(LevelFilter::DEBUG))
    }

    fn allow(&self, metadata: &Metadata<'_>) -> bool {
        is_own(metadata.target()) || self.libraries.would_enable(metadata.target(), metadata.level())
    }
}

/// Whether a line is the host's or a plugin's. Such lines hold no secret and no message of a person.
fn is_own(target: &str) -> bool {
    let rest = target.strip_prefix("signalbox");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_') || rest.starts_with("::"))
}

impl<S: Subscriber> Layer<S> for LogRules {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.allow(metadata) { Layer::<S>::register_callsite(&self.all, metadata) } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        self.allow(metadata) && Layer::<S>::enabled(&self.all, metadata, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Layer::<S>::max_level_hint(&self.all)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        Layer::<S>::on_new_span(&self.all, attributes, id, context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        Layer::<S>::on_record(&self.all, id, values, context);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        Layer::<S>::on_enter(&self.all, id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        Layer::<S>::on_exit(&self.all, id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        Layer::<S>::on_close(&self.all, id, context);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Targeted(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Targeted {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(format!("{} {}", event.metadata().level(), event.metadata().target()));
        }
    }

    fn written(log: &str, library_log: &str) -> Vec<String> {
        let seen = Targeted::default();
        let rules = LogRules::read(log, library_log).unwrap();
        let subscriber = tracing_subscriber::registry().with(rules).with(seen.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "hyper::proto", "authorization: Bearer ey");
            tracing::debug!(target: "tungstenite::protocol", "frame");
            tracing::warn!(target: "hyper::proto", "odd");
            tracing::trace!(target: "signalbox_http", "ours");
            tracing::trace!(target: "signalbox::plugin", "a plugin's");
            tracing::trace!(target: "signalboxing", "not ours");
        });
        seen.0.lock().unwrap().clone()
    }

    #[test]
    fn no_filter_for_the_host_lets_libraries_tell_what_passes_through_them() {
        for log in [
            "trace",
            "info,hyper=trace,tungstenite=trace,signalbox_http=trace,signalbox=trace",
            "trace,[connection]=trace",
        ] {
            let lines = written(log, "info");
            assert!(
                !lines.iter().any(|line| line.starts_with("TRACE hyper") || line.starts_with("DEBUG t")),
                "{lines:?}"
            );
            assert!(!lines.contains(&"TRACE signalboxing".to_owned()), "{lines:?}");
            assert!(lines.contains(&"WARN hyper::proto".to_owned()), "{lines:?}");
            assert!(lines.contains(&"TRACE signalbox_http".to_owned()), "{lines:?}");
        }
    }

    #[test]
    fn who_asks_for_a_librarys_lines_by_both_keys_gets_them() {
        let lines = written("trace", "info,hyper=trace");
        assert!(lines.contains(&"TRACE hyper::proto".to_owned()), "{lines:?}");
        assert!(!lines.contains(&"DEBUG tungstenite::protocol".to_owned()), "{lines:?}");
        assert!(!written("info", "trace").contains(&"TRACE hyper::proto".to_owned()));
        assert!(LogRules::read("info", "info,hyper=debug").unwrap().lets_libraries_tell_all());
        assert!(LogRules::read("info", "trace").unwrap().lets_libraries_tell_all());
        assert!(!LogRules::read("trace", "info,hyper=warn").unwrap().lets_libraries_tell_all());
    }
}
