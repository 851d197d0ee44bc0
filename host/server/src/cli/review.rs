mod api;
mod list;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use signalbox_model::{EditedAction, ReviewChoice};

use super::connection::Connection;
use super::{Configured, output};
use crate::shutdown;
use api::ReviewClient;

/// Lists decisions that wait for a person and reviews them through the running host, as a user with the permission
/// `review`.
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
    /// Approves: the withheld actions leave.
    Approve(Request),
    /// Edits: other actions leave in place of the decision's own.
    Edit(Edit),
    /// Rejects: nothing leaves.
    Reject(Request),
}

#[derive(Debug, Args)]
struct Edit {
    #[command(flatten)]
    request: Request,
    /// A JSON file with the list of actions that leave instead, in the form in which `decisions show --json` prints
    /// them.
    #[arg(long, value_name = "FILE")]
    actions: PathBuf,
}

#[derive(Debug, Args)]
struct Request {
    /// The decision's id.
    decision: String,
    /// The reason; kept in the decision's record.
    #[arg(long)]
    note: Option<String>,
    #[command(flatten)]
    connection: Connection,
    /// The business; may be left out when the token names exactly one.
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// The review's own id; a review that is sent again with the same id gets the same answer.
    #[arg(long)]
    id: Option<String>,
    /// Prints JSON for programs: the decision after the review.
    #[arg(long)]
    json: bool,
}

/// Runs one of the `review` commands.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    crate::serve::install_tls();
    super::wait_for(async {
        match &options.command {
            Command::List(options) => list::run(configured, options).await,
            Command::Approve(request) => review(configured, request, ReviewChoice::Approve, None).await,
            Command::Reject(request) => review(configured, request, ReviewChoice::Reject, None).await,
            Command::Edit(edit) => {
                let actions = read(&edit.actions)?;
                review(configured, &edit.request, ReviewChoice::Edit, Some(actions)).await
            }
        }
    })
}

fn read(path: &std::path::Path) -> anyhow::Result<Vec<EditedAction>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no list of actions", path.display()))
}

async fn review(
    configured: &Configured,
    request: &Request,
    verdict: ReviewChoice,
    actions: Option<Vec<EditedAction>>,
) -> anyhow::Result<ExitCode> {
    if !signalbox_model::is_record_id(&request.decision) {
        let id = signalbox_model::excerpt(&request.decision, signalbox_model::LONGEST_PLACE);
        bail!("`{}` is no decision's id; `signalbox review list` shows those that wait", output::printable(&id));
    }
    let business = match &request.business {
        Some(business) => business.clone(),
        None => match request.connection.businesses()?.as_slice() {
            [only] => only.clone(),
            several => bail!("the token names {} businesses; choose one with --business", several.len()),
        },
    };
    let id = request.id.clone().unwrap_or_else(|| signalbox_model::correlation_id().replace("cor_", "cli_"));
    let mut body = json!({"verdict": verdict});
    if let Some(fields) = body.as_object_mut() {
        fields.extend(request.note.as_ref().map(|note| ("note".to_owned(), json!(note))));
        fields.extend(actions.map(|actions| ("actions".to_owned(), json!(actions))));
    }
    let api = ReviewClient::new(&request.connection, &request.connection.host(configured)?)?;
    let decision = api.review(&business, &request.decision, &id, &body).await.with_context(|| {
        format!("the review is not confirmed; `signalbox decisions show {}` shows what counted", request.decision)
    })?;
    if request.json {
        output::json(&decision)?;
    } else {
        output::text(&output::printable(&told(&decision, verdict)))?;
    }
    Ok(shutdown::DONE)
}

/// Says how the decision was reviewed, and which actions leave now.
fn told(decision: &Value, verdict: ReviewChoice) -> String {
    let text =
        |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = text(decision, "/id");
    let what = format!("{id} ({}) of {}", text(decision, "/decisionCode"), text(decision, "/businessId"));
    let actions = decision.get("actions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let leaving: String = actions
        .iter()
        .map(|action| format!("  {} on {} ({})\n", text(action, "/type"), text(action, "/target"), text(action, "/id")))
        .collect();
    let leaves = match (verdict, actions) {
        (ReviewChoice::Reject, _) => return format!("rejected {what}: nothing of it leaves\n"),
        (_, []) => "it has no actions; what else it withheld leaves now".to_owned(),
        (_, [_]) => format!("this action leaves now, with what else it withheld\n{}", leaving.trim_end()),
        (_, several) => {
            format!("these {} actions leave now, with what else it withheld\n{}", several.len(), leaving.trim_end())
        }
    };
    let done = if verdict == ReviewChoice::Edit { "approved with your changes" } else { "approved" };
    format!("{done}: {what}; {leaves}\n`signalbox decisions show {id}` tells how each stands\n")
}
