use std::process::ExitCode;

use clap::{Args, ValueEnum};
use signalbox_store::tables;

use super::{Configured, output};
use crate::shutdown;

/// Prints the DynamoDB tables that the host needs, for accounts where it may not create them itself.
///
/// The table prefix is that of the configuration.
///
/// Example: signalbox tables --format aws-cli | sh
#[derive(Debug, Args)]
pub struct Options {
    /// How to print them.
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A list with the CreateTable and UpdateTimeToLive input of each table.
    Json,
    /// Commands for a shell with the AWS command line tool.
    AwsCli,
}

/// Prints the tables.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let specs = tables(&configured.load()?.config.store.table_prefix);
    match options.format {
        Format::Json => output::json(&specs)?,
        Format::AwsCli => {
            for spec in &specs {
                output::text(&commands(&serde_json::to_value(spec)?, &spec.name))?;
            }
        }
    }
    Ok(shutdown::DONE)
}

fn commands(spec: &serde_json::Value, name: &str) -> String {
    let command = |verb: &str, input: &serde_json::Value| {
        format!("aws dynamodb {verb} --cli-input-json {}\n", quoted(&input.to_string()))
    };
    let mut text = String::new();
    if let Some(input) = spec.get("CreateTable") {
        text.push_str(&command("create-table", input));
        text.push_str(&format!("aws dynamodb wait table-exists --table-name {}\n", quoted(name)));
    }
    if let Some(input) = spec.get("UpdateTimeToLive") {
        text.push_str(&command("update-time-to-live", input));
    }
    text
}

/// Quotes text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_each_input_as_one_word() {
        let spec = serde_json::to_value(&tables("it's-")[1]).unwrap();
        let text = commands(&spec, "it's-inputs");
        assert!(text.starts_with("aws dynamodb create-table --cli-input-json '{"), "{text}");
        assert!(text.contains("wait table-exists --table-name 'it'\\''s-inputs'\n"), "{text}");
        assert!(text.contains("aws dynamodb update-time-to-live --cli-input-json '{"), "{text}");
    }
}
