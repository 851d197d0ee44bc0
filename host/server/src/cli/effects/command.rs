use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Args;
use signalbox_model::{LONGEST_PLACE, Timestamp, excerpt};
use signalbox_store::{DecisionRecord, Effect, EffectCommand, EffectCommanded, Store};

use crate::cli::decisions::{effect_state, named_decision};
use crate::cli::output;
use crate::config::Config;
use crate::shutdown;

/// Has an effect attempted again now, with all attempts of its retry policy: a dead letter, or one that waits.
///
/// Example: signalbox effects retry dec_0123456789abcdef0123456789abcdef act_0123456789abcdef0123456789abcdef
#[derive(Debug, Args)]
pub struct RetryOptions {
    #[command(flatten)]
    effect: EffectName,
}

/// Has an effect never delivered. What has left already is not called back.
///
/// Example: signalbox effects cancel dec_0123456789abcdef0123456789abcdef act_0123456789abcdef0123456789abcdef
#[derive(Debug, Args)]
pub struct CancelOptions {
    #[command(flatten)]
    effect: EffectName,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Names one effect.
#[derive(Debug, Args)]
pub struct EffectName {
    /// The id of the decision.
    decision: String,
    /// The id of the effect, as `signalbox effects list` shows it.
    effect: String,
    /// The business that the decision belongs to; without it every business of the directory is tried.
    #[arg(long, value_name = "ID")]
    business: Vec<String>,
}

impl EffectName {
    /// The decision that the effect belongs to.
    pub async fn decision(&self, config: &Config, store: &Store) -> anyhow::Result<DecisionRecord> {
        named_decision(config, store, &self.decision, &self.business).await
    }

    /// The effect in its decision.
    pub fn of<'r>(&self, record: &'r DecisionRecord) -> anyhow::Result<&'r Effect> {
        let decision = &record.decision;
        record.effects.iter().find(|effect| effect.id == self.effect).ok_or_else(|| {
            anyhow!(
                "decision {} has no effect `{}`; `signalbox decisions show {}` lists those that it has",
                decision.id,
                output::printable(&excerpt(&self.effect, LONGEST_PLACE)),
                decision.id
            )
        })
    }
}

pub async fn retry(config: &Config, store: &Store, options: &RetryOptions) -> anyhow::Result<ExitCode> {
    carry_out(config, store, &options.effect, EffectCommand::Retry).await?;
    output::line("a host attempts it again within its scan interval")?;
    Ok(shutdown::DONE)
}

pub async fn cancel(config: &Config, store: &Store, options: &CancelOptions) -> anyhow::Result<ExitCode> {
    let reason = match &options.reason {
        Some(reason) => format!("cancelled by an operator: {reason}"),
        None => "cancelled by an operator".to_owned(),
    };
    carry_out(config, store, &options.effect, EffectCommand::Cancel { reason }).await?;
    output::line("it is never delivered")?;
    Ok(shutdown::DONE)
}

async fn carry_out(config: &Config, store: &Store, name: &EffectName, command: EffectCommand) -> anyhow::Result<()> {
    let record = name.decision(config, store).await?;
    name.of(&record)?;
    let decision = &record.decision;
    let now = Timestamp::now();
    match store.command_effect(&decision.id, &decision.business_id, &name.effect, &command, now).await? {
        EffectCommanded::Done(_) => Ok(()),
        EffectCommanded::NotPossible(state) => {
            let what = match command {
                EffectCommand::Retry => {
                    "only a dead letter, or an effect that waits, is held back or is in the mailbox, is attempted again"
                }
                EffectCommand::Cancel { .. } => "what has left, or never leaves, cannot be cancelled",
            };
            bail!("the effect is {}; {what}", output::printable(&effect_state(&state)))
        }
        EffectCommanded::InDelivery { until } => {
            bail!("a host is attempting the effect, until {} at the latest; try again then", output::moment_utc(until))
        }
    }
}
