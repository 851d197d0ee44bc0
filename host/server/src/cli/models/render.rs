use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::rag::{ModelQuery, RenderSteps, Template, is_locale, nearest, read_model_source};
use signalbox_model::JsonObject;

use crate::cli::{decisions, output};
use crate::config::Config;
use crate::shutdown;

/// Renders a message as the host would: with the nearest model for business, place and language, and with this data.
///
/// The message goes to standard output; which model was chosen, and why, goes to standard error. The use is not
/// counted.
///
/// Example: signalbox models render chat.greeting --business trattoria-roma --data '{"business": "Trattoria Roma"}'
#[derive(Debug, Args)]
pub struct Options {
    /// The decision code.
    code: String,
    /// The business that sends the message.
    #[arg(long, value_name = "ID")]
    business: String,
    /// The place that the message is about.
    #[arg(long, value_name = "ID")]
    location: Option<String>,
    /// The message's language; without it the business's own.
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    /// Only this version; without it the newest of the nearest.
    #[arg(long)]
    version: Option<String>,
    /// The parameters as a JSON object, or @FILE to read them from there.
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}")]
    data: String,
    /// Prints JSON for programs: `text`, the `model`, and `why` it was chosen.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, options: &Options) -> anyhow::Result<ExitCode> {
    let data = data(&options.data)?;
    if let Some(locale) = options.locale.as_deref().filter(|locale| !is_locale(locale)) {
        bail!("`{locale}` is no language tag of BCP 47, such as `ro` or `en-GB`");
    }
    let directory = BusinessDirectory::open(&config.business.directory).context("reading the business directory")?;
    let Some(business) = directory.get(&options.business) else {
        if directory.awaits(&options.business) {
            directory.whole().context("reading the business directory")?;
            bail!("business {} is in a file that cannot be loaded", options.business);
        }
        let known: Vec<String> = directory.all().iter().map(|business| business.business_id.clone()).collect();
        bail!("there is no business {} in the directory, only {}", options.business, known.join(", "));
    };
    if let Some(place) = options.location.as_deref().filter(|place| business.location(place).is_none()) {
        bail!("{} has no place {place}", business.business_id);
    }
    let (code, version) = (&options.code, options.version.as_deref());
    let models = decisions::open(config).await?.message_models(code).await?;
    if models.is_empty() {
        bail!("there is no message model for {code}; `signalbox models list` shows those that there are");
    }
    let wanted = ModelQuery::of(&business, options.location.as_deref(), version, options.locale.as_deref());
    let Some(model) = nearest(&models, &wanted) else {
        bail!(
            "none of the {} message models for {code} fits {} in {}; `signalbox models show {code}` shows them",
            models.len(),
            business.business_id,
            wanted.locale
        );
    };
    let template = Template::read(model).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", errors.join("; "))
    });
    let text = template
        .and_then(|template| Ok(template.render(&data, RenderSteps::FULL)?))
        .with_context(|| format!("message model {code} {}, {}", model.version, super::variant(model)))?;
    let near = wanted.why(model).unwrap_or_default();
    let newest = if version.is_some() { "as asked for" } else { "the newest of these" };
    let why = format!("{near}; version {}, {newest}; {} are stored for the code", model.version, models.len());
    if options.json {
        output::json(&json!({ "text": text, "model": model, "why": why }))?;
    } else {
        output::line(&output::printable(&text))?;
        output::problem(&output::printable(&format!("chosen: {why}\n")));
    }
    Ok(shutdown::DONE)
}

fn data(given: &str) -> anyhow::Result<JsonObject> {
    let (text, place) = match given.strip_prefix('@') {
        Some(path) => {
            let file = std::fs::File::open(Path::new(path)).with_context(|| format!("opening {path}"))?;
            (read_model_source(file).map_err(anyhow::Error::msg).with_context(|| format!("reading {path}"))?, path)
        }
        None => (given.to_owned(), "--data"),
    };
    serde_json::from_str(&text).with_context(|| format!("{place} is no JSON object"))
}
