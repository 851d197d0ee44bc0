use std::path::PathBuf;

use signalbox_server::config::{Sources, settings, to_toml};

/// A `signalbox.toml`, a line of three dashes, and the environment. Either it is read and shown, and what is shown
/// reads the same again; or it is refused with an error text.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (source, environment) = super::parts(text);
    let variables = environment.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    match read(Some("/etc/signalbox.toml"), source, variables) {
        Ok(shown) => {
            // Without a file, so that relative paths stay as they are.
            let again =
                read(None, &shown, Vec::new()).unwrap_or_else(|error| panic!("{shown}\nis shown and refused: {error}"));
            assert_eq!(without_origins(&again), without_origins(&shown), "what is shown is read as something else");
        }
        Err(words) => assert!(!words.trim().is_empty(), "it is refused without a word"),
    }
}

fn read(file: Option<&str>, source: &str, variables: Vec<(String, String)>) -> Result<String, String> {
    let sources = Sources { file: file.map(PathBuf::from), variables, options: Vec::new() };
    let loaded = sources.read(source.to_owned()).map_err(|error| error.render(false))?;
    let settings = settings(&loaded).map_err(|error| format!("it cannot be shown: {error}"));
    Ok(to_toml(&settings.unwrap_or_else(|error| panic!("{error}"))))
}

/// The lines without the comments that say where each value was set.
fn without_origins(shown: &str) -> Vec<&str> {
    shown.lines().map(|line| line.rsplit_once("  #").map_or(line, |(setting, _)| setting).trim_end()).collect()
}
