mod list;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use signalbox_model::{EditedAction, ReviewChoice};
use signalbox_sessions::ReviewFrame;

use super::send::client::{Client, Ending};
use super::send::story::Story;
use crate::shutdown;

/// Lists what waits for a person and decides about it, through the running host, as a user with the permission `review`.
///
/// Examples:
///
///   export SIGNALBOX_TOKEN="$(signalbox token --user mara --business trattoria-roma:coordinator)"
///   signalbox review list
///   signalbox review approve dec_0123456789abcdef0123456789abcdef
///   signalbox review edit dec_0123456789abcdef0123456789abcdef --actions actions.json
///   signalbox review reject dec_0123456789abcdef0123456789abcdef --note "too dear"
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Options),
    /// Lets what was withheld leave.
    Approve(Request),
    /// Lets other actions leave in place of the decision's own.
    Edit(Edit),
    /// Lets nothing leave.
    Reject(Request),
}

#[derive(Debug, Args)]
struct Edit {
    #[command(flatten)]
    request: Request,
    /// A JSON file with the list of actions that leave instead, in the form in which `decisions show --json` prints them.
    #[arg(long, value_name = "FILE")]
    actions: PathBuf,
}

#[derive(Debug, Args)]
struct Request {
    /// The decision's id.
    decision: String,
    /// Why; kept in the decision's record.
    #[arg(long)]
    note: Option<String>,
    #[command(flatten)]
    reviewer: Reviewer,
    /// The business; may be left out when the token names exactly one.
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// The review's own id; sending the same again with the same id is answered as the first time.
    #[arg(long)]
    id: Option<String>,
    /// Prints every frame from the host as one line of JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Who reviews, and where.
#[derive(Debug, Args)]
struct Reviewer {
    /// Where the host is; the ready line of `signalbox serve` names it.
    #[arg(long, default_value = "ws://127.0.0.1:8080/ws")]
    url: String,
    /// The reviewer's token.
    #[arg(long, env = "SIGNALBOX_TOKEN", hide_env_values = true)]
    token: String,
    /// How long to wait for the answer, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

/// Lists, or reviews; then the exit code says whether it counted.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    crate::serve::install_tls();
    let (request, verdict, actions) = match &options.command {
        Command::List(options) => return super::wait_for(list::run(options)),
        Command::Approve(request) => (request, ReviewChoice::Approve, None),
        Command::Reject(request) => (request, ReviewChoice::Reject, None),
        Command::Edit(edit) => (&edit.request, ReviewChoice::Edit, Some(read(&edit.actions)?)),
    };
    super::wait_for(async {
        let review = send(request, verdict, actions);
        let deadline = Duration::from_secs(request.reviewer.timeout);
        let answered = tokio::time::timeout(deadline, review).await;
        answered.with_context(|| {
            let Reviewer { url, timeout: seconds, .. } = &request.reviewer;
            let decision = &request.decision;
            format!("{url} did not answer within {seconds} s; `signalbox decisions show {decision}` shows what counted")
        })?
    })
}

fn read(path: &std::path::Path) -> anyhow::Result<Vec<EditedAction>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no list of actions", path.display()))
}

async fn send(
    request: &Request,
    verdict: ReviewChoice,
    actions: Option<Vec<EditedAction>>,
) -> anyhow::Result<ExitCode> {
    let mut story = Story { json: request.json };
    let mut client = Client::connect(&request.reviewer.url, &request.reviewer.token, &mut story).await?;
    let business_id = match (&request.business, client.businesses.as_slice()) {
        (Some(business), _) => business.clone(),
        (None, [only]) => only.clone(),
        (None, several) => bail!("the token names {} businesses; choose one with --business", several.len()),
    };
    let id = request.id.clone().unwrap_or_else(|| signalbox_model::correlation_id().replace("cor_", "cli_"));
    let (decision_id, note) = (request.decision.clone(), request.note.clone());
    client.review(ReviewFrame { id, business_id, decision_id, verdict, note, actions }).await?;
    let ending = client.until_answered(&mut story).await?;
    client.leave().await;
    Ok(if ending == Ending::Answered { shutdown::DONE } else { shutdown::FAILED })
}
