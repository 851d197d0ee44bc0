//! `[inputs.…]`: the inputs of a bundle, and the plugin that reads each.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use serde_json::{Map, Value};
use signalbox_diagnostics::{Item, Problems, TomlString, TomlTable, nearest, suggestion};
use signalbox_model::{CronError, CronExpression, Overlap};

use crate::definition::check_name;

/// The inputs of the bundle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    /// Messages over the coordinators' connections; without it they are refused.
    pub websocket: Option<WebsocketInput>,
    /// Webhooks, by the name in their URL.
    pub webhook: BTreeMap<String, WebhookInput>,
    /// Schedules, by name.
    pub cron: BTreeMap<String, CronInput>,
    /// Kafka topics, by name.
    pub kafka: BTreeMap<String, KafkaInput>,
    /// Requests to the API; without it they are refused.
    pub api: Option<ApiInput>,
}

/// `[inputs.websocket]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebsocketInput {
    /// The plugin that makes inputs of messages; none is the host's default mapping.
    pub handler: Option<String>,
}

/// `[inputs.api]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiInput {
    /// The plugin that makes inputs of requests; none is the host's default mapping.
    pub handler: Option<String>,
}

/// `[inputs.webhook.…]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookInput {
    /// The plugin that makes inputs of deliveries; none is the host's default mapping.
    pub handler: Option<String>,
    /// How a delivery proves where it comes from.
    pub verify: Verify,
}

/// How a webhook's delivery is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// The signature scheme.
    pub scheme: VerifyScheme,
    /// The name of the secret, which the operator provides.
    pub secret: String,
}

/// Signature schemes of webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyScheme {
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    StandardWebhooks,
    /// GitHub: `x-hub-signature-256`.
    Github,
    /// Stripe: `stripe-signature`.
    Stripe,
}

/// `[inputs.cron.…]`
#[derive(Clone, Debug, PartialEq)]
pub struct CronInput {
    /// Five fields: minute, hour, day of month, month, day of week.
    pub schedule: String,
    /// IANA name; none is the business's.
    pub timezone: Option<String>,
    /// The data of the input.
    pub payload: Option<Map<String, Value>>,
    /// What happens when the last tick is still being decided.
    pub overlap: Overlap,
    /// What happens to ticks that were missed.
    pub catch_up: CronCatchUp,
    /// Spreads the ticks of many businesses over this time.
    pub jitter: Duration,
    /// The plugin that makes inputs of ticks; none is the host's default mapping.
    pub handler: Option<String>,
}

/// What happens to ticks that were missed while no host was running. The host's configuration limits how many are fired
/// afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CronCatchUp {
    /// They are not fired.
    None,
    /// Only the newest of them is fired.
    #[default]
    Last,
    /// Each of them is fired.
    All,
}

/// `[inputs.kafka.…]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaInput {
    /// The topic.
    pub topic: String,
    /// The plugin that makes inputs of records; none is the host's default mapping.
    pub handler: Option<String>,
}

/// The most inputs of one kind.
const MAX_INPUTS: usize = 500;

/// Where the manifest names what an operator has to provide, by the name of the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputPlaces {
    /// The secrets of webhooks.
    pub secrets: BTreeMap<String, Range<usize>>,
    /// The topics of Kafka inputs.
    pub topics: BTreeMap<String, Range<usize>>,
}

/// The inputs, every place that names a handler, and every place that names what the operator provides.
#[derive(Default)]
pub(super) struct Reading {
    pub inputs: Inputs,
    pub handlers: Vec<TomlString>,
    pub places: InputPlaces,
}

pub(super) fn read(mut table: TomlTable<'_>, problems: &mut Problems) -> Reading {
    let mut handlers = Vec::new();
    let mut simple = |table: &mut TomlTable<'_>, key: &'static str, problems: &mut Problems| {
        let mut table = table.take(key)?.table(format!("[inputs.{key}]"), problems)?;
        let handler = handler(&mut table, &mut handlers, problems);
        table.finish(problems);
        Some(handler)
    };
    let websocket = simple(&mut table, "websocket", problems).map(|handler| WebsocketInput { handler });
    let api = simple(&mut table, "api", problems).map(|handler| ApiInput { handler });
    let mut places = InputPlaces::default();
    let webhook = named(&mut table, "webhook", problems, |name, table, problems| {
        let (input, secret) = webhook(table, &mut handlers, problems)?;
        places.secrets.insert(name.to_owned(), secret);
        Some(input)
    });
    let cron = named(&mut table, "cron", problems, |_, table, problems| cron(table, &mut handlers, problems));
    let mut topics = BTreeSet::new();
    let kafka = named(&mut table, "kafka", problems, |name, table, problems| {
        let (input, topic) = kafka(table, &mut topics, &mut handlers, problems)?;
        places.topics.insert(name.to_owned(), topic);
        Some(input)
    });
    table.finish(problems);
    Reading { inputs: Inputs { websocket, webhook, cron, kafka, api }, handlers, places }
}

pub(super) fn check_handler(handler: &TomlString, plugins: &BTreeSet<&str>, problems: &mut Problems) {
    if !plugins.contains(handler.value.as_str()) && !problems.is_full() {
        let help = match nearest(&handler.value, plugins.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it as [plugins.{}] with its `component`", handler.value),
        };
        problems.add(&handler.span, format!("handler `{}` is not declared in [plugins]", handler.value), help);
    }
}

fn named<T>(
    table: &mut TomlTable<'_>,
    kind: &'static str,
    problems: &mut Problems,
    mut read: impl FnMut(&str, &mut TomlTable<'_>, &mut Problems) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut found = BTreeMap::new();
    let Some(table) = table.take(kind).and_then(|item| item.table(format!("[inputs.{kind}]"), problems)) else {
        return found;
    };
    let entries = table.entries();
    if entries.len() > MAX_INPUTS {
        let message = format!("[inputs.{kind}] has {} inputs", entries.len());
        problems.add(&table.span(), message, format!("use at most {MAX_INPUTS}"));
        return found;
    }
    for item in entries {
        let name = item.key_text();
        check_name(kind, &name, problems);
        let Some(mut table) = item.table(format!("[inputs.{kind}.{}]", name.value), problems) else { continue };
        let value = read(&name.value, &mut table, problems);
        table.finish(problems);
        found.extend(value.map(|value| (name.value, value)));
    }
    found
}

fn handler(table: &mut TomlTable<'_>, handlers: &mut Vec<TomlString>, problems: &mut Problems) -> Option<String> {
    let text = table.take("handler")?.text(problems)?;
    handlers.push(text.clone());
    Some(text.value)
}

fn webhook(
    table: &mut TomlTable<'_>,
    handlers: &mut Vec<TomlString>,
    problems: &mut Problems,
) -> Option<(WebhookInput, Range<usize>)> {
    let handler = handler(table, handlers, problems);
    let help = "add `verify = { scheme = \"standard-webhooks\", secret = \"NAME_OF_SECRET\" }`";
    let place = format!("`verify` of {}", table.place());
    let mut verify = table.require("verify", help, problems)?.table(place, problems)?;
    let schemes = [
        ("standard-webhooks", VerifyScheme::StandardWebhooks),
        ("github", VerifyScheme::Github),
        ("stripe", VerifyScheme::Stripe),
    ];
    let help = "add `scheme`: standard-webhooks, github or stripe";
    let scheme = verify.require("scheme", help, problems).and_then(|item| one_of(&item, &schemes, problems));
    let help = "add `secret`: the name under which the operator keeps it";
    let secret = verify.require("secret", help, problems).and_then(|item| item.text(problems));
    if let Some(secret) = &secret {
        check_name("secret", secret, problems);
    }
    verify.finish(problems);
    let secret = secret?;
    Some((WebhookInput { handler, verify: Verify { scheme: scheme?, secret: secret.value } }, secret.span))
}

fn kafka(
    table: &mut TomlTable<'_>,
    topics: &mut BTreeSet<String>,
    handlers: &mut Vec<TomlString>,
    problems: &mut Problems,
) -> Option<(KafkaInput, Range<usize>)> {
    let handler = handler(table, handlers, problems);
    let topic = table.require("topic", "add `topic`", problems)?.text(problems)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if topic.value.is_empty() || topic.value.len() > 249 || !topic.value.chars().all(allowed) {
        let message = format!("`{}` is no name of a Kafka topic", topic.value);
        problems.add(&topic.span, message, "use 1 to 249 letters, digits, `.`, `-` and `_`");
    }
    if !topics.insert(topic.value.clone()) {
        let message = format!("topic `{}` is read by another input already", topic.value);
        problems.add(&topic.span, message, "remove one of the two: a record is read once");
    }
    Some((KafkaInput { topic: topic.value, handler }, topic.span))
}

fn cron(table: &mut TomlTable<'_>, handlers: &mut Vec<TomlString>, problems: &mut Problems) -> Option<CronInput> {
    let handler = handler(table, handlers, problems);
    let help = "add `schedule = \"0 8 * * *\"`";
    let schedule = table.require("schedule", help, problems).and_then(|item| item.text(problems));
    if let Some(schedule) = &schedule {
        check_schedule(schedule, problems);
    }
    let timezone = table.take("timezone").and_then(|item| item.text(problems));
    if let Some(zone) = timezone.as_ref().filter(|zone| signalbox_model::time_zone(&zone.value).is_none()) {
        let names: Vec<String> = signalbox_model::time_zone_names().collect();
        let help = match nearest(&zone.value, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "use an IANA name, for example `Europe/Bucharest`".to_owned(),
        };
        problems.add(&zone.span, format!("there is no time zone `{}`", zone.value), help);
    }
    let payload_place = format!("`payload` of {}", table.place());
    let payload = table.take("payload").and_then(|item| {
        item.table(payload_place, problems)?;
        item.json(problems)
    });
    let overlaps = [("skip", Overlap::Skip), ("queue", Overlap::Queue), ("allow", Overlap::Allow)];
    let overlap = table.take("overlap").and_then(|item| one_of(&item, &overlaps, problems));
    let catch_ups = [("none", CronCatchUp::None), ("last", CronCatchUp::Last), ("all", CronCatchUp::All)];
    let catch_up = table.take("catch-up").and_then(|item| one_of(&item, &catch_ups, problems));
    let jitter =
        table.take("jitter").and_then(|item| item.duration(Duration::ZERO..=Duration::from_secs(3_600), problems));
    Some(CronInput {
        schedule: schedule?.value,
        timezone: timezone.map(|zone| zone.value),
        payload: payload.and_then(|value| value.as_object().cloned()),
        overlap: overlap.unwrap_or_default(),
        catch_up: catch_up.unwrap_or_default(),
        jitter: jitter.unwrap_or_default(),
        handler,
    })
}

fn one_of<T: Copy>(item: &Item<'_>, choices: &[(&'static str, T)], problems: &mut Problems) -> Option<T> {
    let text = item.text(problems)?;
    let found = choices.iter().find(|(name, _)| *name == text.value);
    if found.is_none() {
        let help = suggestion(&text.value, "choices", choices.iter().map(|(name, _)| *name));
        problems.add(&text.span, format!("`{}` cannot be `{}`", item.key, text.value), help);
    }
    found.map(|(_, choice)| *choice)
}

/// Reports a schedule that the scheduler would refuse.
fn check_schedule(schedule: &TomlString, problems: &mut Problems) {
    if let Err(error) = schedule.value.parse::<CronExpression>() {
        let help = match error {
            CronError::Field { .. } => "a part is `*`, a value or a range, with `/` and a step after `*` or a range",
            CronError::Never(_) => "name a day that the month has, for example `0 8 28 2 *`",
            CronError::Fields { .. } | CronError::Unreadable { .. } => {
                "write minute, hour, day of month, month, day of week, for example `0 8 * * 1-5`"
            }
        };
        problems.add(&schedule.span, error.to_string(), help);
    }
}
