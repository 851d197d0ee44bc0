//! Loads the configured bundles; a host with a bad one does not start.

use std::io::IsTerminal as _;

use signalbox_sandbox::{BundleError, Generation, Sandbox};

use super::StartError;

/// Loads all of them, and reports on all that are wrong at once.
pub async fn load(paths: &[std::path::PathBuf], sandbox: &Sandbox) -> Result<Vec<Generation>, StartError> {
    let (mut loaded, mut problems) = (Vec::<Generation>::new(), String::new());
    for path in paths {
        match sandbox.load(path).await {
            Ok(generation) => {
                if let Some(other) = loaded.iter().find(|other| other.business_type == generation.business_type) {
                    problems.push_str(&format!(
                        "{} decides for businesses of type {}, and so does version {} that was loaded before it; list \
                         one of them under [bundles] paths\n",
                        path.display(),
                        generation.business_type,
                        other.version
                    ));
                    continue;
                }
                tracing::info!(
                    business_type = %generation.business_type,
                    version = generation.version,
                    generation = %generation.digest,
                    folder = %path.display(),
                    "loaded a bundle"
                );
                loaded.push(generation);
            }
            Err(BundleError::Refused(refusal)) => {
                problems.push_str(&refusal.render(std::io::stderr().is_terminal()));
            }
            Err(error) => problems.push_str(&format!("{error}\n")),
        }
    }
    if problems.is_empty() { Ok(loaded) } else { Err(StartError::Bundles(problems)) }
}
