//! Opens the business directory. A business file that is wrong affects only its own business.

use std::sync::Arc;

use signalbox_capabilities::business::{BusinessDirectory, BusinessNotLoaded, DirectoryError};
use signalbox_diagnostics::suggestion;
use signalbox_executor::Generations;

use super::StartError;
use super::bundles::MOST_LOGGED;
use crate::config::{Config, OnFailure};

/// How many files of the business directory could not be loaded.
pub const BUSINESS_FILES_NOT_LOADED: &str = "signalbox_business_files_not_loaded";

/// Opens the directory. Fails when it cannot be read, when it has files and none of them is a valid business, or when
/// one is not and the operator wants all or none.
pub fn open(config: &Config) -> Result<Arc<BusinessDirectory>, StartError> {
    let directory = BusinessDirectory::open_with(&config.business.directory, config.notification_receivers())?;
    let not_loaded = directory.not_loaded();
    let stop = config.bundles.on_failure == OnFailure::Stop || directory.is_empty();
    if stop && !not_loaded.is_empty() {
        return Err(DirectoryError::Files(not_loaded).into());
    }
    if directory.is_empty() {
        let folder = config.business.directory.display();
        tracing::warn!(%folder, "the business directory is empty; add a file and send SIGHUP");
    }
    tell(&directory);
    Ok(Arc::new(directory))
}

/// Reads the directory again.
pub fn reload(directory: &BusinessDirectory) {
    match directory.reload() {
        Ok(businesses) => {
            tracing::info!(businesses, "read the business directory again");
            tell(directory);
        }
        Err(error) => tracing::error!(%error, "the business directory stays as it was"),
    }
}

/// Logs which files are not loaded, and why.
fn tell(directory: &BusinessDirectory) {
    let not_loaded = directory.not_loaded();
    metrics::gauge!(BUSINESS_FILES_NOT_LOADED).set(not_loaded.len() as f64);
    for file in not_loaded.iter() {
        let BusinessNotLoaded { business_id, report, is_served_as_before, .. } = file;
        for problem in report.problems().take(MOST_LOGGED) {
            let place = format!("{}:{}:{}", problem.file, problem.line, problem.column);
            tracing::error!(place, help = problem.help, "business file: {}", problem.message);
        }
        let file = file.file.display();
        // The report marks each mistake with a caret.
        let report = report.render(false);
        if *is_served_as_before {
            tracing::error!(
                business_id,
                %file,
                report,
                "a business file is not loaded: its business stays as it was until the file is mended and SIGHUP is sent"
            );
        } else {
            tracing::error!(
                business_id,
                %file,
                report,
                "a business file is not loaded: its business gets no decisions until it is mended and SIGHUP is sent; the \
                 others are served"
            );
        }
    }
}

/// Warns of businesses whose type has no bundle.
pub fn warn_of_types(directory: &BusinessDirectory, generations: &Generations) {
    let live = generations.all();
    for business in directory.all() {
        let business_type = &business.business_type;
        if generations.live(business_type).is_some() || generations.is_absent(business_type) {
            continue;
        }
        let help = match live.is_empty() {
            true => "list its bundle under [bundles] paths".to_owned(),
            false => suggestion(
                business_type,
                "the types of the bundles",
                live.iter().map(|generation| &*generation.business_type),
            ),
        };
        let business_id = &business.business_id;
        tracing::warn!(business_id, business_type, help, "no bundle decides for the type of a business");
    }
}
