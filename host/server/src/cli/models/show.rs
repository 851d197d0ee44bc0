use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use signalbox_capabilities::rag::same_version;
use signalbox_model::MessageModel;
use signalbox_store::Store;

use crate::cli::output::{self, moment_utc};
use crate::shutdown;

/// Shows every variant of a decision code's message model: template, parameters, and how often it was used.
///
/// Example: signalbox models show booking.confirmed --version 1
#[derive(Debug, Args)]
pub struct Options {
    /// The decision code.
    code: String,
    /// Only this version.
    #[arg(long)]
    version: Option<String>,
    /// Prints JSON for programs: a list of whole models, as `models import` reads them too.
    #[arg(long)]
    json: bool,
}

pub async fn run(store: &Store, options: &Options) -> anyhow::Result<ExitCode> {
    let code = &options.code;
    let mut models = store.message_models(code).await?;
    super::sort(&mut models);
    if models.is_empty() {
        bail!("there is no message model for {code}; `signalbox models list` shows those that there are");
    }
    if let Some(version) = &options.version {
        let mut known: Vec<String> = models.iter().map(|model| model.version.clone()).collect();
        known.dedup();
        models.retain(|model| same_version(&model.version, version));
        if models.is_empty() {
            bail!("the message model for {code} has no version {version}; it has {}", known.join(", "));
        }
    }
    if options.json {
        output::json(&models)?;
    } else {
        let stories: Vec<String> = models.iter().map(story).collect::<Result<_, _>>()?;
        output::text(&output::printable(&stories.join("\n")))?;
    }
    Ok(shutdown::DONE)
}

fn story(model: &MessageModel) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(out, "{} {}, {}", model.decision_code, model.version, super::variant(model))?;
    let parameters = if model.parameters.is_empty() { "none".to_owned() } else { model.parameters.join(", ") };
    writeln!(out, "  parameters  {parameters}")?;
    let last = model.last_used.map(|at| format!(", last at {}", moment_utc(at))).unwrap_or_default();
    writeln!(out, "  used        {} times{last}", model.usage_count)?;
    writeln!(out, "  stored      {}, changed {}", moment_utc(model.created_at), moment_utc(model.updated_at))?;
    writeln!(out, "  template")?;
    writeln!(out, "    {}", model.message_template.trim_end().replace('\n', "\n    "))?;
    Ok(out)
}
