use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use signalbox_capabilities::rag::same_version;
use signalbox_model::MessageModel;
use signalbox_store::Store;

use crate::cli::output;
use crate::shutdown;

/// Removes message models: one version of a code, in all its variants or in those that the options choose.
///
/// Models of a loaded bundle are stored again when a host loads it. Use this command for models that no bundle brings
/// any more, such as those that an earlier version stored for businesses of another type than their bundle's.
///
/// Example: signalbox models remove booking.confirmed --version 9 --business-type clinic --dry-run
#[derive(Debug, Args)]
pub struct Options {
    /// The decision code.
    code: String,
    /// The version.
    #[arg(long)]
    version: String,
    /// Only those for this business type.
    #[arg(long, value_name = "TYPE")]
    business_type: Option<String>,
    /// Only those for this place.
    #[arg(long, value_name = "ID")]
    location: Option<String>,
    /// Only those in this language.
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    /// Says what would be removed, and removes nothing.
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(store: &Store, options: &Options) -> anyhow::Result<ExitCode> {
    let Options { code, version, dry_run, .. } = options;
    let mut models = store.message_models(code).await?;
    super::sort(&mut models);
    // First in exactly this spelling, so that a model that an earlier release has stored in another spelling can be
    // removed alone.
    let is_spelled = models.iter().any(|model| model.version == *version && options.chooses(model));
    models.retain(|model| options.chooses(model) && (!is_spelled || model.version == *version));
    if models.is_empty() {
        bail!(
            "there is no such message model for {code} {version}; `signalbox models show {code}` shows those that there are"
        );
    }
    for model in &models {
        if !dry_run {
            store.remove_message_model(model).await?;
        }
        let line = format!("{code} {}, {}", model.version, super::variant(model));
        output::line(&output::printable(&format!("{}  {line}", if *dry_run { "would remove" } else { "removed" })))?;
    }
    Ok(shutdown::DONE)
}

impl Options {
    fn chooses(&self, model: &MessageModel) -> bool {
        let fits = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        same_version(&model.version, &self.version)
            && fits(&self.business_type, &model.business_type)
            && fits(&self.location, &model.location_context)
            && fits(&self.locale, &model.locale)
    }
}
