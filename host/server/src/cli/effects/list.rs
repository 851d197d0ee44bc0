use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;
use signalbox_delivery::TARGETS;
use signalbox_model::Timestamp;
use signalbox_store::{DecisionRecord, Effect, EffectState, OpenEffects, Page, QueuedEffects, Store, StoreError};

use crate::cli::decisions::{effect_kind, effect_state};
use crate::cli::output;
use crate::cli::table::TextTable;
use crate::shutdown;

const PAGE: u32 = 100;

/// Lists effects that are due or were given up, the oldest first: a line each, with the reason.
///
/// Effects of decisions under review, and those that have left, are shown by `signalbox decisions show` and
/// `signalbox effects show`.
///
/// Examples:
///
///   signalbox effects list --state dead-letter
///   signalbox effects list --state held-back --target kafka --json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// Only effects in this state; may be repeated. Without it all of them but `kept`.
    #[arg(long, value_enum)]
    state: Vec<ListedState>,
    /// Only effects that this target holds back.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    target: Option<String>,
    /// Only effects of this business.
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Prints JSON for programs: a list of effects, each with its decision.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ListedState {
    /// Due, and not delivered yet.
    Due,
    /// Waiting until an operator has configured something.
    Waiting,
    /// Held back until a target works again.
    HeldBack,
    /// Given up: refused by the target, or out of attempts.
    DeadLetter,
    /// Messages to people in the mailbox, until a connection takes them or they go to the fallback topic.
    Kept,
}

/// An effect, with what it needs to be told.
struct Listed {
    record: DecisionRecord,
    effect: Effect,
}

/// One of the lists in which the store keeps decisions with open effects.
enum List {
    Due(Timestamp),
    Kept,
    Queued(QueuedEffects),
}

pub async fn run(store: &Store, options: &Options) -> anyhow::Result<ExitCode> {
    let limit = usize::try_from(options.limit)?;
    let (lists, mut listed) = (lists(options), Vec::new());
    match &options.business {
        Some(business_id) => collect_of(business_id, store, &lists, limit, &mut listed).await?,
        None => {
            for list in &lists {
                collect(store, list, limit, &mut listed).await?;
            }
        }
    }
    if options.json {
        let effects = listed.iter().map(|Listed { record, effect }| {
            let decision = &record.decision;
            json!({
                "decisionId": decision.id, "businessId": decision.business_id, "decisionCode": decision.decision_code,
                "createdAt": decision.created_at, "effect": effect,
            })
        });
        output::json(&effects.collect::<Vec<_>>())?;
    } else if listed.is_empty() {
        output::line("no effect waits")?;
    } else {
        let mut table = TextTable::new(&["DECIDED (UTC)", "BUSINESS", "DECISION", "EFFECT", "TRIES", "WHAT", "STATE"]);
        for Listed { record, effect } in &listed {
            let decision = &record.decision;
            table.add([
                output::moment(decision.created_at),
                decision.business_id.clone(),
                decision.id.clone(),
                effect.id.clone(),
                effect.attempts.to_string(),
                effect_kind(effect),
                effect_state(&effect.state),
            ]);
        }
        table.print()?;
    }
    Ok(shutdown::DONE)
}

fn lists(options: &Options) -> Vec<List> {
    let is_wanted = |state| match options.target {
        Some(_) => state == ListedState::HeldBack,
        None => (options.state.is_empty() && state != ListedState::Kept) || options.state.contains(&state),
    };
    let mut lists = Vec::new();
    if is_wanted(ListedState::Due) {
        lists.push(List::Due(Timestamp::now()));
    }
    if is_wanted(ListedState::Kept) {
        lists.push(List::Kept);
    }
    if is_wanted(ListedState::Waiting) {
        lists.push(List::Queued(QueuedEffects::Waiting));
    }
    if is_wanted(ListedState::HeldBack) {
        let is_target = |name: &&str| options.target.as_deref().is_none_or(|target| target == *name);
        let held_back = |name: &str| List::Queued(QueuedEffects::HeldBack { target: name.to_owned() });
        lists.extend(TARGETS.iter().copied().filter(is_target).map(held_back));
    }
    if is_wanted(ListedState::DeadLetter) {
        lists.push(List::Queued(QueuedEffects::DeadLetters));
    }
    lists
}

async fn collect(store: &Store, list: &List, limit: usize, listed: &mut Vec<Listed>) -> anyhow::Result<()> {
    let mut cursor: Option<String> = None;
    while listed.len() < limit {
        let page = page(store, list, cursor.as_deref()).await?;
        add(page.items, std::slice::from_ref(list), limit, listed);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(())
}

/// Like [`collect`], for one business: the store leaves the others out.
async fn collect_of(
    business_id: &str,
    store: &Store,
    lists: &[List],
    limit: usize,
    listed: &mut Vec<Listed>,
) -> anyhow::Result<()> {
    let open = OpenEffects { business_id, targets: &TARGETS };
    let mut cursor: Option<String> = None;
    while listed.len() < limit {
        let page = store.open_effects(&open, cursor.as_deref(), PAGE).await?;
        add(page.items, lists, limit, listed);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(())
}

/// Adds the effects that belong into one of the lists.
fn add(records: Vec<DecisionRecord>, lists: &[List], limit: usize, listed: &mut Vec<Listed>) {
    for record in records {
        let wanted = record.effects.iter().filter(|effect| lists.iter().any(|list| belongs(list, effect)));
        let room = limit.saturating_sub(listed.len());
        listed.extend(wanted.take(room).map(|effect| Listed { record: record.clone(), effect: effect.clone() }));
    }
}

async fn page(store: &Store, list: &List, cursor: Option<&str>) -> Result<Page<DecisionRecord>, StoreError> {
    match list {
        List::Due(now) => store.pending_decisions_after(*now, cursor, PAGE).await,
        // They are due when they go to the fallback topic.
        List::Kept => store.pending_decisions_after(Timestamp::MAX, cursor, PAGE).await,
        List::Queued(list) => store.queued_effects(list, cursor, PAGE).await,
    }
}

/// Whether an effect of a decision in a list is what the list is about.
fn belongs(list: &List, effect: &Effect) -> bool {
    let state = &effect.state;
    match list {
        List::Due(now) => match state {
            EffectState::Pending | EffectState::Waiting { until: Some(_), .. } | EffectState::Kept { .. } => {
                effect.next_attempt().is_none_or(|at| at <= *now)
            }
            _ => false,
        },
        List::Kept => matches!(state, EffectState::Kept { .. }),
        List::Queued(QueuedEffects::Waiting) => matches!(state, EffectState::Waiting { until: None, .. }),
        List::Queued(QueuedEffects::HeldBack { target }) => {
            matches!(state, EffectState::HeldBack { target: own, .. } if own == target)
        }
        List::Queued(QueuedEffects::DeadLetters) => matches!(state, EffectState::DeadLetter { .. }),
    }
}
