use std::process::ExitCode;

use clap::{Args, ValueEnum};
use schemars::generate::SchemaSettings;
use signalbox_model::{BusinessInfo, NotificationSettings};

use super::output;
use crate::config::Config;
use crate::shutdown;

/// Prints the JSON Schema of a file, with which editors complete keys and mark mistakes.
///
/// Name the schema in the file's first line, where Even Better TOML and taplo look for it: #:schema
/// ./bundle.schema.json
///
/// Example: signalbox schema bundle > bundle.schema.json
#[derive(Debug, Args)]
pub struct Options {
    /// The file whose schema is printed.
    #[arg(value_enum)]
    of: SchemaFile,
}

/// A file that has a schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SchemaFile {
    /// bundle.toml
    Bundle,
    /// signalbox.toml
    Configuration,
    /// A file of the business directory.
    Business,
}

/// Prints the schema.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    output::text(&schema(options.of)?)?;
    Ok(shutdown::DONE)
}

/// The schema as text. It is of draft 7, which the editors' validators support.
fn schema(of: SchemaFile) -> anyhow::Result<String> {
    let mut generator = SchemaSettings::draft07().into_generator();
    let (title, schema) = match of {
        SchemaFile::Bundle => return Ok(signalbox_graph::BUNDLE_SCHEMA.to_owned()),
        SchemaFile::Configuration => ("Signalbox configuration", generator.into_root_schema_for::<Config>()),
        SchemaFile::Business => {
            // Not a part of what plugins and records know of a business.
            let notifications = generator.subschema_for::<NotificationSettings>();
            let mut schema = generator.into_root_schema_for::<BusinessInfo>();
            if let Some(properties) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
                properties.insert("notifications".to_owned(), notifications.to_value());
            }
            ("Signalbox business", schema)
        }
    };
    let mut value = schema.to_value();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("title".to_owned(), title.into());
    }
    Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
}
