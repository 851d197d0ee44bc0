use std::process::ExitCode;

use clap::Args;
use signalbox_model::MessageModel;
use signalbox_store::Store;

use crate::cli::output;
use crate::cli::table::TextTable;
use crate::shutdown;

const PAGE: u32 = 100;

/// Lists the stored message models: those of bundles and those that were imported.
///
/// Example: signalbox models list --code booking.confirmed --locale ro
#[derive(Debug, Args)]
pub struct Options {
    /// Only models for this decision code.
    #[arg(long)]
    code: Option<String>,
    /// Only models for this type of business.
    #[arg(long, value_name = "TYPE")]
    business_type: Option<String>,
    /// Only models in this language, as the models name it.
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    /// Prints JSON for programs: a list of whole models, as `models import` reads them too.
    #[arg(long)]
    json: bool,
}

pub async fn run(store: &Store, options: &Options) -> anyhow::Result<ExitCode> {
    let mut models = match &options.code {
        Some(code) => store.message_models(code).await?,
        None => all(store).await?,
    };
    models.retain(|model| {
        let of_type = options.business_type.is_none() || options.business_type == model.business_type;
        let spoken = |wanted: &str| model.locale.as_ref().is_some_and(|locale| locale.eq_ignore_ascii_case(wanted));
        of_type && options.locale.as_deref().is_none_or(spoken)
    });
    super::sort(&mut models);
    if options.json {
        output::json(&models)?;
    } else if models.is_empty() {
        output::line("no message models; a bundle brings its own, and `signalbox models import` adds others")?;
    } else {
        let mut table = TextTable::new(&COLUMNS);
        models.iter().for_each(|model| table.add(row(model)));
        table.print()?;
    }
    Ok(shutdown::DONE)
}

async fn all(store: &Store) -> anyhow::Result<Vec<MessageModel>> {
    let (mut models, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.all_message_models(cursor.as_deref(), PAGE).await?;
        models.extend(page.items);
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(models);
        }
    }
}

const COLUMNS: [&str; 8] = ["CODE", "VERSION", "LOCALE", "TYPE", "PLACE", "USED", "LAST USED (UTC)", "TEXT"];

fn row(model: &MessageModel) -> [String; 8] {
    let or_any = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
    [
        model.decision_code.clone(),
        model.version.clone(),
        or_any(&model.locale),
        or_any(&model.business_type),
        or_any(&model.location_context),
        model.usage_count.to_string(),
        model.last_used.map_or_else(|| "-".to_owned(), output::moment),
        model.message_template.clone(),
    ]
}
