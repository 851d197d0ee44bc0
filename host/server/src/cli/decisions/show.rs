mod journal;

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};
use signalbox_model::{
    DECISIONS_PERMISSION, LONGEST_PLACE, Review, ReviewVerdict, Source, StepResult, excerpt, is_record_id,
};
use signalbox_store::{DecisionRecord, DeliveredTo, Effect, EffectKind, EffectState, Store};

use super::list;
use crate::cli::output::{self, moment_utc};
use crate::config::Config;
use crate::shutdown;

/// Shows one decision: input, path with times, verdict, responses, effects with their state, generation.
///
/// Example: signalbox decisions show dec_0123456789abcdef0123456789abcdef --journal
#[derive(Debug, Args)]
pub struct Options {
    /// The decision's id.
    id: String,
    /// The business that the decision belongs to; without it every business of the directory is tried.
    #[arg(long, value_name = "ID")]
    business: Vec<String>,
    /// Shows every capability call that plugins made for the decision.
    #[arg(long)]
    journal: bool,
    /// Prints JSON for programs: the whole record, and the journal under `journal` when asked for.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, store: &Store, options: &Options) -> anyhow::Result<ExitCode> {
    let record = named_decision(config, store, &options.id, &options.business).await?;
    let journal = if options.journal { Some(journal(store, &record).await?) } else { None };
    if options.json {
        let mut value = serde_json::to_value(&record)?;
        if let (Some(fields), Some(journal)) = (value.as_object_mut(), journal) {
            fields.insert("journal".to_owned(), journal);
        }
        output::json(&value)?;
    } else {
        output::text(&output::printable(&story(&record, journal.as_ref())?))?;
    }
    Ok(shutdown::DONE)
}

/// The decision that a person has named; `named` are the businesses to look in, all of the directory when it is empty.
pub async fn named_decision(
    config: &Config,
    store: &Store,
    id: &str,
    named: &[String],
) -> anyhow::Result<DecisionRecord> {
    if !is_record_id(id) {
        let id = excerpt(id, LONGEST_PLACE);
        bail!(
            "`{}` is no decision's id; `signalbox decisions list` shows those that there are",
            output::printable(&id)
        );
    }
    let businesses = super::businesses(config, named)?;
    for business in &businesses {
        if let Some(record) = store.decision(id, business).await? {
            return Ok(record);
        }
    }
    bail!("there is no decision {id} in {}", businesses.join(", "));
}

/// Null when the store has no journal of the decision any more.
async fn journal(store: &Store, record: &DecisionRecord) -> anyhow::Result<Value> {
    match store.journal(&record.output.metadata.journal_id).await? {
        Some(bytes) => Ok(serde_json::from_slice(&bytes)?),
        None => Ok(Value::Null),
    }
}

fn story(record: &DecisionRecord, journal: Option<&Value>) -> anyhow::Result<String> {
    let (decision, output) = (&record.decision, &record.output);
    let input = &decision.context.input;
    let mut out = String::new();
    writeln!(out, "decision    {}", decision.id)?;
    writeln!(out, "business    {} ({})", decision.business_id, decision.business_type)?;
    if let Some(location) = &decision.location_id {
        writeln!(out, "location    {location}")?;
    }
    writeln!(out, "made        {} in {} ms", moment_utc(decision.created_at), output.processing_time)?;
    writeln!(out, "generation  {} (bundle {})", output.metadata.generation, output.metadata.bundle_version)?;
    if let Some(correlation_id) = &input.correlation_id {
        writeln!(out, "correlation {correlation_id}")?;
    }
    writeln!(out, "\ninput       {} from {}", input.id, input.user_id.as_deref().unwrap_or("nobody in particular"))?;
    if let Some(text) = &input.content.text {
        writeln!(out, "  {}", text.replace('\n', "\n  "))?;
    }
    if let Some(data) = &input.content.data {
        writeln!(out, "  data {}", json!(data))?;
    }
    writeln!(out, "\npath")?;
    for step in &output.metadata.path {
        let attempt = if step.attempt > 1 { format!(", attempt {}", step.attempt) } else { String::new() };
        let result = match &step.result {
            StepResult::Done => String::new(),
            StepResult::Failed(reason) => format!("  failed: {reason}"),
            StepResult::Unknown(result) => format!("  {result}"),
        };
        let millis = step.micros as f64 / 1_000.0;
        writeln!(out, "  {:>3}  {:<32} {millis:>9.3} ms{attempt}{result}", step.step, step.node)?;
    }
    writeln!(out, "\nverdict     {} ({})", decision.decision_code, decision.decision_type)?;
    writeln!(out, "outcome     {}", list::outcome(decision.outcome))?;
    if decision.is_dead_letter() {
        writeln!(out, "dead letter yes: nobody decides its input again; the reasoning says what to do")?;
    }
    if let Some(review) = &record.review {
        writeln!(out, "review      {}", reviewed(review))?;
    }
    writeln!(out, "confidence  {:.2}", decision.confidence)?;
    writeln!(out, "reasoning   {}", decision.reasoning)?;
    if output.metadata.tokens.input + output.metadata.tokens.output > 0 {
        let tokens = &output.metadata.tokens;
        writeln!(out, "tokens      {} in, {} out", tokens.input, tokens.output)?;
    }
    writeln!(out, "\nresponses{}", if output.responses.is_empty() { "   none" } else { "" })?;
    for response in &output.responses {
        let template = response.content.template.as_deref().map(|name| format!(" (model {name})")).unwrap_or_default();
        writeln!(out, "  {} to {}{template}", response.id, response.recipient)?;
        if let Some(text) = &response.content.text {
            writeln!(out, "    {}", text.replace('\n', "\n    "))?;
        }
    }
    writeln!(out, "\neffects{}", if record.effects.is_empty() { "     none" } else { "" })?;
    for effect in &record.effects {
        writeln!(out, "  {}  {}  {}", effect.id, effect_kind(effect), effect_state(&effect.state))?;
    }
    match journal {
        None => {}
        Some(Value::Null) => writeln!(out, "\njournal     none: no capability was called, or its time is over")?,
        Some(journal) => writeln!(out, "\njournal\n{}", journal::told(journal)?)?,
    }
    Ok(out)
}

fn reviewed(review: &Review) -> String {
    let Some(end) = &review.resolution else {
        let until = review.expires_at.map(|at| format!(", expires at {}", moment_utc(at))).unwrap_or_default();
        return format!("waits since {}{until}", moment_utc(review.requested_at));
    };
    let verdict = match end.verdict {
        ReviewVerdict::Approve => "approved",
        ReviewVerdict::Edit => "edited",
        ReviewVerdict::Reject => "rejected",
        ReviewVerdict::Unknown(name) => &format!("ended with `{name}`"),
        ReviewVerdict::Expire => return format!("expired at {}: nobody took it in time", moment_utc(end.at)),
    };
    let way = match end.source {
        Some(Source::Websocket) => " over the WebSocket",
        Some(Source::ExternalApi) => " over the API",
        Some(Source::Unknown(name)) => &format!(" by way of `{name}`"),
        Some(Source::Cron | Source::Kafka) | None => "",
    };
    let note = end.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    format!(
        "{verdict} by {} at {}{way}{note} (input {}, waited since {})",
        end.by,
        moment_utc(end.at),
        end.input_id,
        moment_utc(review.requested_at)
    )
}

/// What an effect is, for a person.
pub fn effect_kind(effect: &Effect) -> String {
    match &effect.kind {
        EffectKind::Action(action) => match serde_json::to_value(action.action_type) {
            Ok(Value::String(kind)) => format!("{kind} on {}", action.target),
            _ => format!("action on {}", action.target),
        },
        EffectKind::Notification { user_id: Some(user_id), .. } => format!("notification to {user_id}"),
        EffectKind::Notification { location_id, permission, wider, .. } => {
            let people = match permission {
                _ if wider.everyone => "everyone",
                Some(permission) => permission,
                None => DECISIONS_PERMISSION,
            };
            let place = match location_id {
                _ if wider.every_place => "of every place",
                Some(place) => &format!("of {place}"),
                None => "of the decision's place",
            };
            format!("notification to `{people}` {place}")
        }
        EffectKind::Response { recipient } => format!("response to {recipient}"),
        EffectKind::KafkaRecord { topic, .. } => format!("record for topic {topic}"),
        EffectKind::Schedule { name, .. } => format!("schedule {name}"),
        EffectKind::CancelSchedule { name } => format!("cancel schedule {name}"),
        EffectKind::ChannelNotification { of, channel, medium, .. } => {
            format!("notification {of} by channel {channel} ({medium})")
        }
        EffectKind::Unknown(kind) => format!("of a newer version: {kind}"),
    }
}

/// How an effect stands, for a person.
pub fn effect_state(state: &EffectState) -> String {
    match state {
        EffectState::Pending => "pending".to_owned(),
        EffectState::Withheld => "withheld until a person has reviewed the decision".to_owned(),
        EffectState::Delivered { at, to } => format!("{} at {}", delivered_to(*to), moment_utc(*at)),
        EffectState::Kept { at, until } => format!(
            "in the mailbox since {}; goes to the fallback topic at {} unless a connection takes it",
            moment_utc(*at),
            moment_utc(*until)
        ),
        EffectState::Waiting { reason, .. } => format!("waiting: {reason}"),
        EffectState::HeldBack { target, reason } => {
            format!("held back until the target {target} works again: {reason}")
        }
        EffectState::DeadLetter { at, reason } => format!("dead letter since {}: {reason}", moment_utc(*at)),
        EffectState::Dropped { reason } => format!("dropped: {reason}"),
        EffectState::Unknown(state) => format!("as a newer version says: {state}"),
    }
}

fn delivered_to(to: Option<DeliveredTo>) -> String {
    match to {
        None => "delivered".to_owned(),
        Some(DeliveredTo::Connection) => "handed to a connection".to_owned(),
        Some(DeliveredTo::Mailbox) => "put into the mailbox, where a client that resumes finds it,".to_owned(),
        Some(DeliveredTo::FallbackTopic) => "sent to the fallback topic, and in the mailbox too,".to_owned(),
        Some(DeliveredTo::Unknown(name)) => format!("delivered by way of `{name}`"),
    }
}
