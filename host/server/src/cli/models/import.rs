use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::rag::{ModelFormat, SpeaksFor, canonical_version, read_model_source, read_model_text};
use signalbox_diagnostics::{Report, counted};
use signalbox_model::MessageModel;
use signalbox_store::{Put, Store};

use crate::cli::{decisions, output};
use crate::config::Config;
use crate::shutdown;

/// Stores message models from files, if all of them are valid.
///
/// Everything is checked before anything is written, and every problem is reported with file and line. A model whose
/// version is already stored with other words is refused: give it a new version, or use --replace. Importing the same
/// files again is safe.
///
/// Example: signalbox models import wording.toml more.json --business-type restaurant --dry-run
#[derive(Debug, Args)]
pub struct Options {
    /// TOML as bundles have it, or JSON: one object, a list, or an object with `models`. `-` reads standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The business type of models that name none; without it they are for every type.
    #[arg(long, value_name = "TYPE")]
    business_type: Option<String>,
    /// Lets new words replace the words that are stored under the same version.
    #[arg(long)]
    replace: bool,
    /// Checks everything and says what would happen, but writes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Prints JSON for programs: `dryRun`, and `models` with the result for each.
    #[arg(long)]
    json: bool,
}

/// A model, and the place where it is written.
struct Placed {
    model: MessageModel,
    place: String,
}

/// What prevents the import.
#[derive(Default)]
struct Obstacles {
    /// As a terminal shows it.
    text: String,
    /// How many errors the text tells.
    errors: usize,
}

impl Obstacles {
    fn add(&mut self, error: &str) {
        self.text.push_str(&output::printable(&format!("{error}\n")));
        self.errors += 1;
    }

    fn add_report(&mut self, report: &Report) {
        self.text.push_str(&report.render(std::io::stderr().is_terminal()));
        self.errors += report.errors();
    }
}

pub async fn run(config: &Config, options: &Options) -> anyhow::Result<ExitCode> {
    let mut problems = Obstacles::default();
    let models = read(options, &mut problems)?;
    if problems.errors > 0 {
        return refuse(&problems);
    }
    let store = decisions::open(config).await?;
    let planned = plan(&store, &models, options.replace, &mut problems).await?;
    if problems.errors > 0 {
        return refuse(&problems);
    }
    for note in unknown(config, &models) {
        output::problem(&output::printable(&format!("note: {note}\n")));
    }
    let mut told = Vec::with_capacity(models.len());
    for (Placed { model, .. }, planned) in models.iter().zip(planned) {
        let put = if options.dry_run { planned } else { store.put_message_model(model).await? };
        told.push((model, put));
    }
    tell(&told, options)?;
    Ok(shutdown::DONE)
}

fn read(options: &Options, problems: &mut Obstacles) -> anyhow::Result<Vec<Placed>> {
    let now = Timestamp::now();
    let (mut models, mut first) = (Vec::new(), HashMap::new());
    for path in &options.paths {
        let name = if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() };
        let (text, format) = match source(path) {
            Ok(source) => source,
            Err(error) => {
                problems.add(&format!("{name}: {error:#}"));
                continue;
            }
        };
        let read = read_model_text(&text, format, SpeaksFor::Any(options.business_type.as_deref()), now);
        let (written, found) = match read {
            Ok(read) => (read.models, read.warnings),
            Err(found) => (Vec::new(), found),
        };
        if !found.is_empty() {
            let report = Report::new(&name, &text, found);
            if report.errors() > 0 {
                problems.add_report(&report);
            } else {
                output::problem(&report.render(std::io::stderr().is_terminal()));
            }
        }
        for written in written {
            let placed = Placed { model: written.model, place: format!("{name}:{}", written.line) };
            if let Some(before) = first.insert(key(&placed.model), placed.place.clone()) {
                let MessageModel { decision_code, version, .. } = &placed.model;
                problems.add(&format!("{}: {decision_code} {version} was read from {before} already", placed.place));
            }
            models.push(placed);
        }
    }
    if models.is_empty() && problems.errors == 0 {
        bail!("there is no message model in what was read");
    }
    Ok(models)
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The text of a file, limited in size, and its format.
fn source(path: &Path) -> anyhow::Result<(String, ModelFormat)> {
    if is_standard_input(path) {
        if std::io::stdin().is_terminal() {
            output::problem("reading message models from the terminal; end with Ctrl-D\n");
        }
        let text = read_model_source(std::io::stdin().lock()).map_err(anyhow::Error::msg)?;
        let format = format_of(&text);
        return Ok((text, format));
    }
    let format = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => ModelFormat::Toml,
        Some("json") => ModelFormat::Json,
        _ => bail!("name it .toml or .json, so that it is clear how it is written"),
    };
    let file = File::open(path).context("cannot be opened")?;
    Ok((read_model_source(file).map_err(anyhow::Error::msg)?, format))
}

/// JSON begins with an object or a list of objects; a TOML table may begin with `[` alone.
fn format_of(text: &str) -> ModelFormat {
    let text = text.trim_start();
    let list = text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', ']']));
    if text.starts_with('{') || list { ModelFormat::Json } else { ModelFormat::Toml }
}

type Key = (String, String, Option<String>, Option<String>, Option<String>);

fn key(model: &MessageModel) -> Key {
    let MessageModel { decision_code, version, business_type, location_context, locale, .. } = model.clone();
    (decision_code, version, business_type, location_context, locale)
}

/// What importing would do with each model.
async fn plan(store: &Store, models: &[Placed], replace: bool, problems: &mut Obstacles) -> anyhow::Result<Vec<Put>> {
    let mut stored: BTreeMap<&str, Vec<MessageModel>> = BTreeMap::new();
    let mut planned = Vec::with_capacity(models.len());
    for Placed { model, place } in models {
        let code = model.decision_code.as_str();
        if !stored.contains_key(code) {
            stored.insert(code, store.message_models(code).await?);
        }
        // A model that an earlier release has stored under another spelling of the same version counts as well.
        let same_key = |stored: &&MessageModel| {
            let spelled = canonical_version(&stored.version).into_owned();
            key(&MessageModel { version: spelled, ..(*stored).clone() }) == key(model)
        };
        let of_code = || stored.get(code).into_iter().flatten();
        let own = of_code().find(|stored| key(stored) == key(model));
        let found = own.or_else(|| of_code().find(same_key));
        let same = |stored: &MessageModel| {
            stored.message_template == model.message_template && stored.parameters == model.parameters
        };
        planned.push(match found {
            None => Put::Created,
            Some(stored) if same(stored) && stored.version == model.version => Put::Unchanged,
            // The model is written once more, in today's spelling of the version.
            Some(stored) if same(stored) => Put::Created,
            Some(_) => Put::Replaced,
        });
        if !replace && planned.last() == Some(&Put::Replaced) {
            problems.add(&format!(
                "{place}: {code} {}, {}, is stored with other words; give it a new version, or say --replace",
                model.version,
                super::variant(model)
            ));
        }
    }
    Ok(planned)
}

fn refuse(problems: &Obstacles) -> anyhow::Result<ExitCode> {
    output::problem(&problems.text);
    bail!("nothing was imported, because of {}", counted(problems.errors, 0))
}

/// Types and places that no business of the directory has. They are allowed, because a business may be added later, but
/// they are more often typing errors.
fn unknown(config: &Config, models: &[Placed]) -> Vec<String> {
    let Ok(directory) = BusinessDirectory::open(&config.business.directory) else { return Vec::new() };
    let businesses = directory.all();
    let mut notes = Vec::new();
    for Placed { model, place } in models {
        let code = &model.decision_code;
        let of_type = |kind: &String| businesses.iter().any(|business| business.business_type == *kind);
        if let Some(kind) = model.business_type.as_ref().filter(|kind| !of_type(kind)) {
            notes.push(format!("{place}: no business is of type {kind}, which {code} is for"));
        }
        let known = |place: &String| businesses.iter().any(|business| business.location(place).is_some());
        if let Some(location) = model.location_context.as_ref().filter(|location| !known(location)) {
            notes.push(format!("{place}: no business has the place {location}, which {code} is for"));
        }
    }
    notes
}

fn tell(told: &[(&MessageModel, Put)], options: &Options) -> anyhow::Result<()> {
    let word = |put: Put| match put {
        Put::Created => "new",
        Put::Unchanged => "unchanged",
        Put::Replaced => "replaced",
    };
    if options.json {
        let models = told.iter().map(|(model, put)| {
            json!({
                "decisionCode": model.decision_code, "version": model.version, "businessType": model.business_type,
                "locationContext": model.location_context, "locale": model.locale, "became": word(*put),
            })
        });
        return output::json(&json!({ "dryRun": options.dry_run, "models": models.collect::<Vec<_>>() }));
    }
    for (model, put) in told {
        let line = format!("{:<9}  {} {}, {}", word(*put), model.decision_code, model.version, super::variant(model));
        output::line(&output::printable(&line))?;
    }
    let count = |wanted: Put| told.iter().filter(|(_, put)| *put == wanted).count();
    let (new, unchanged, replaced) = (count(Put::Created), count(Put::Unchanged), count(Put::Replaced));
    let dry = if options.dry_run { "; nothing was written, because of --dry-run" } else { "" };
    output::line(&format!("{new} new, {unchanged} unchanged, {replaced} replaced{dry}"))
}
