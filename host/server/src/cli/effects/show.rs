use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use signalbox_store::{DecisionRecord, Effect, EffectKind, Store};

use super::command::EffectName;
use crate::cli::decisions::{effect_kind, effect_state};
use crate::cli::output::{self, moment_utc};
use crate::config::Config;
use crate::shutdown;

/// Shows one effect: where it goes, its state with the reason, its attempts, and the content that is delivered.
///
/// Example: signalbox effects show dec_0123456789abcdef0123456789abcdef act_0123456789abcdef0123456789abcdef
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    effect: EffectName,
    /// Prints JSON for programs: the effect as it is stored, with its decision.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, store: &Store, options: &Options) -> anyhow::Result<ExitCode> {
    let record = options.effect.decision(config, store).await?;
    let effect = options.effect.of(&record)?;
    if options.json {
        let decision = &record.decision;
        output::json(&json!({
            "decisionId": decision.id, "businessId": decision.business_id, "decisionCode": decision.decision_code,
            "createdAt": decision.created_at, "lease": record.lease, "effect": effect,
        }))?;
    } else {
        output::text(&output::printable(&story(&record, effect)?))?;
    }
    Ok(shutdown::DONE)
}

fn story(record: &DecisionRecord, effect: &Effect) -> anyhow::Result<String> {
    let decision = &record.decision;
    let mut out = String::new();
    writeln!(out, "effect      {} (the idempotency key of every attempt)", effect.id)?;
    writeln!(out, "what        {}", effect_kind(effect))?;
    writeln!(out, "state       {}", effect_state(&effect.state))?;
    writeln!(out, "attempts    {}", effect.attempts)?;
    if let Some(at) = effect.next_attempt() {
        writeln!(out, "next        {}", moment_utc(at))?;
    }
    if let Some(lease) = &record.lease {
        writeln!(out, "lease       of the host {} until {}", lease.holder, moment_utc(lease.until))?;
    }
    writeln!(out, "decision    {} {} of {}", decision.id, decision.decision_code, decision.business_id)?;
    writeln!(out, "decided     {}", moment_utc(decision.created_at))?;
    if let EffectKind::Action(action) = &effect.kind {
        writeln!(out, "priority    {}", json!(action.priority).as_str().unwrap_or_default())?;
        if let Some(policy) = &action.retry_policy {
            writeln!(out, "retries     {}", json!(policy))?;
        }
    }
    let content = match &effect.kind {
        EffectKind::Action(action) => serde_json::to_string_pretty(&action.payload)?,
        EffectKind::Notification { content, .. } => serde_json::to_string_pretty(content)?,
        EffectKind::KafkaRecord { value, .. } => String::from_utf8_lossy(value).into_owned(),
        EffectKind::Schedule { payload, .. } => serde_json::to_string_pretty(payload)?,
        EffectKind::ChannelNotification { of, .. } => format!("the notification {of} of the same decision"),
        EffectKind::Response { .. } | EffectKind::CancelSchedule { .. } => return Ok(out),
        EffectKind::Unknown(kind) => serde_json::to_string_pretty(kind)?,
    };
    writeln!(out, "content\n  {}", content.replace('\n', "\n  "))?;
    Ok(out)
}
