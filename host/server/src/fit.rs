//! Compares a bundle with the configuration, to find grants and inputs that nothing in the configuration serves.

use std::ops::Range;

use signalbox_capabilities::Capability;
use signalbox_capabilities::http::forbidden_grant;
use signalbox_diagnostics::{Problem, suggestion};
use signalbox_graph::{Inputs, PluginSpec};
use signalbox_model::find_named;
use signalbox_sandbox::Written;

use crate::config::Config;

/// Warnings about grants and inputs without a backend, each at its place in the manifest. The bundle can be loaded all
/// the same: the plugin's call returns `not-configured` or `denied`, which the plugin may handle.
pub fn problems(config: &Config, written: &Written) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, plugin) in &written.plugins {
        let mut warn = |span: Range<usize>, message: String, help: String| {
            let message = format!("plugin `{name}` {message}");
            problems.push(Problem::warning(message, span, "here").with_help(help));
        };
        for (model, span) in granted(plugin, Capability::Llm) {
            if !config.llm.models.contains_key(model) {
                let known = config.llm.models.keys().map(String::as_str);
                let help = match config.llm.models.is_empty() {
                    true => {
                        format!("configure it as [llm.models.{model}]; until then the plugin is told `not-configured`")
                    }
                    false => suggestion(model, "the models of [llm.models]", known),
                };
                warn(span, format!("is granted language model `{model}`, which is not configured"), help);
            }
        }
        for (line, span) in granted(plugin, Capability::Http) {
            let egress = &config.egress;
            let refused = if egress.enabled {
                forbidden_grant(line, &egress.private_networks, egress.allow_plain_http)
            } else {
                let help = "set egress.enabled; until then the plugin is told `not-configured`";
                Some(("is granted requests, and all outgoing requests are switched off".to_owned(), help.to_owned()))
            };
            if let Some((message, help)) = refused {
                warn(span, message, help);
            }
        }
        if let Some((_, span)) = granted(plugin, Capability::Resources).next() {
            let help = "no service answers for resources in this version; the plugin is told `not-configured`";
            warn(span, "is granted `resources`, which have no backend".to_owned(), help.to_owned());
        }
        for (topic, span) in granted(plugin, Capability::Kafka) {
            if config.kafka.brokers.is_empty() && config.development_sink().is_none() {
                let help = "add kafka.brokers and kafka.topics; until then the plugin is told `not-configured`";
                warn(span, format!("is granted topic `{topic}`, and no broker is configured"), help.to_owned());
            }
        }
    }
    if config.kafka.brokers.is_empty() {
        for (name, input) in &written.inputs.kafka {
            let span = written.places.topics.get(name).cloned().unwrap_or_default();
            let message = format!("[inputs.kafka.{name}] reads topic `{}`, and no broker is configured", input.topic);
            problems.push(
                Problem::warning(message, span, "here").with_help("add kafka.brokers; until then nothing is read"),
            );
        }
    }
    problems
}

/// Errors that keep `serve` from loading the bundle: a webhook that cannot be verified, a topic that the host uses
/// otherwise, or one that plugins may publish to and that is not mapped.
pub fn errors(config: &Config, written: &Written) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, hook) in &written.inputs.webhook {
        let secret = &hook.verify.secret;
        let own = config.webhooks.business_secrets.values();
        let mut places = own.chain(std::iter::once(&config.webhooks.secrets));
        if !places.any(|secrets| find_named(secrets, secret).is_some_and(|(_, references)| !references.is_empty())) {
            let span = written.places.secrets.get(name).cloned().unwrap_or_default();
            let message =
                format!("[inputs.webhook.{name}] is verified with secret `{secret}`, which is not configured");
            let known = config.webhooks.secrets.keys().map(String::as_str);
            let help = match config.webhooks.secrets.is_empty() {
                true => format!(
                    "add `{secret} = [{{ env = \"NAME\" }}]` under [webhooks.business-secrets.BUSINESS] for each business, or \
                     under [webhooks.secrets] for all of them"
                ),
                false => suggestion(secret, "the secrets of [webhooks.secrets]", known),
            };
            problems.push(Problem::new(message, span, "here").with_help(help));
        }
    }
    for (name, input) in &written.inputs.kafka {
        let one = Inputs { kafka: [(name.clone(), input.clone())].into(), ..Inputs::default() };
        if let Err(error) = config.kafka.check("the bundle", &one) {
            let span = written.places.topics.get(name).cloned().unwrap_or_default();
            problems
                .push(Problem::new(error.to_string(), span, "here").with_help("choose another topic for one of them"));
        }
    }
    problems.extend(unmapped_topics(config, written));
    problems
}

/// An error for each topic that a plugin may publish to and that is mapped to no topic of the cluster. Without a
/// cluster there is nothing to map it to.
pub fn unmapped_topics(config: &Config, written: &Written) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, plugin) in &written.plugins {
        for (topic, span) in granted(plugin, Capability::Kafka) {
            let mapped = &config.kafka.topics;
            if config.kafka.brokers.is_empty() || find_named(mapped, topic).is_some() {
                continue;
            }
            let message = format!("plugin `{name}` is granted topic `{topic}`, which is mapped to no topic of Kafka");
            let add = format!("add `{} = \"TOPIC\"` under [kafka.topics] of the configuration", toml_key(topic));
            let help = match signalbox_diagnostics::nearest(topic, mapped.keys().map(String::as_str)) {
                Some(near) => format!("{add}; or did you mean `{near}`?"),
                None => add,
            };
            problems.push(Problem::new(message, span, "here").with_help(help));
        }
    }
    problems
}

/// A name as a key of TOML: only one with a `.` takes quotes, because names of topics have no other such characters.
fn toml_key(name: &str) -> String {
    if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() }
}

/// The arguments of a capability's grants to a plugin, each with its place in the manifest.
fn granted(plugin: &PluginSpec, capability: Capability) -> impl Iterator<Item = (&str, Range<usize>)> {
    let name = capability.as_str();
    let words = plugin.grants.get(name).into_iter().flatten();
    let spans = plugin.grant_spans.get(name).into_iter().flatten();
    words.map(String::as_str).zip(spans.cloned())
}
