mod import;
mod list;
mod remove;
mod render;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use signalbox_model::MessageModel;

use super::{Configured, decisions};

/// Manages message models, which hold the wording of decisions, also while hosts run on the same store.
///
/// A bundle brings its own models, which the host stores when it starts; models that are imported here are kept beside
/// them. For a message the host uses the model that is nearest in place, language and type of business, and of equally
/// near ones the newest version.
///
/// Examples:
///
///   signalbox models list --locale ro
///   signalbox models show booking.confirmed
///   signalbox models render chat.greeting --business trattoria-roma --data '{"business": "Trattoria Roma"}'
///   signalbox models import wording.toml --business-type restaurant --dry-run
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Options),
    List(list::Options),
    Show(show::Options),
    Render(render::Options),
    Remove(remove::Options),
}

/// Runs one of the `models` commands.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let config = configured.load()?.config;
    super::wait_for(async {
        match &options.command {
            Command::Import(options) => import::run(&config, options).await,
            Command::List(options) => list::run(&decisions::open(&config).await?, options).await,
            Command::Show(options) => show::run(&decisions::open(&config).await?, options).await,
            Command::Remove(options) => remove::run(&decisions::open(&config).await?, options).await,
            Command::Render(options) => render::run(&config, options).await,
        }
    })
}

/// Describes in a few words how a model differs from others of its code and version.
fn variant(model: &MessageModel) -> String {
    let of = |name: &str, part: &Option<String>| part.as_ref().map(|part| format!("{name} {part}"));
    let parts = [of("in", &model.locale), of("for type", &model.business_type), of("at", &model.location_context)];
    let told: Vec<String> = parts.into_iter().flatten().collect();
    if told.is_empty() { "for all".to_owned() } else { told.join(", ") }
}

/// Sorts by code, then the newest version first, then by variant.
fn sort(models: &mut [MessageModel]) {
    models.sort_by(|one, other| {
        let variant =
            |model: &MessageModel| (model.business_type.clone(), model.location_context.clone(), model.locale.clone());
        let newer = || signalbox_capabilities::rag::compare_versions(&other.version, &one.version);
        one.decision_code.cmp(&other.decision_code).then_with(newer).then_with(|| variant(one).cmp(&variant(other)))
    });
}
