use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use signalbox_delivery::SinkEntry;

use crate::cli::output;
use crate::config::{Config, StoreBackend};
use crate::shutdown;

/// How often the file is looked at for further records.
const PERIOD: Duration = Duration::from_millis(200);

/// Shows the records of the development sink: what Kafka would have been given, if a cluster were configured.
///
/// Example: signalbox effects tail --follow
#[derive(Debug, Args)]
pub struct Options {
    /// Goes on with records as they are written, until it is interrupted.
    #[arg(long)]
    follow: bool,
    /// Prints JSON for programs: one record a line.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, options: &Options) -> anyhow::Result<ExitCode> {
    let mut reader = SinkReader { path: sink(config)?, read: 0 };
    if !options.follow && !reader.path.exists() {
        bail!(
            "there is no development sink at {}; start `signalbox serve` first, or name the right configuration with \
             --config",
            reader.path.display()
        );
    }
    let mut ticks = tokio::time::interval(PERIOD);
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(shutdown::DONE),
            _ = ticks.tick() => reader.show_new(options)?,
        }
        if !options.follow {
            return Ok(shutdown::DONE);
        }
    }
}

/// The sink's file, or why there is none.
fn sink(config: &Config) -> anyhow::Result<PathBuf> {
    match config.development_sink() {
        Some(path) => Ok(path),
        None if !config.kafka.brokers.is_empty() => {
            bail!("effects leave by Kafka, because [kafka] brokers is set; read its topics with Kafka's own tools")
        }
        None if config.store.backend == StoreBackend::Memory => {
            bail!("a store in memory has no development sink beside it; set [delivery] development-sink")
        }
        None => bail!("with a store that hosts share there is no development sink: effects wait for [kafka] brokers"),
    }
}

/// Reads the file as far as it has whole lines.
struct SinkReader {
    path: PathBuf,
    /// Bytes that were shown.
    read: u64,
}

impl SinkReader {
    fn show_new(&mut self, options: &Options) -> anyhow::Result<()> {
        for line in self.new_lines().with_context(|| format!("reading {}", self.path.display()))? {
            show(&line, options)?;
        }
        Ok(())
    }

    fn new_lines(&mut self) -> io::Result<Vec<String>> {
        let mut file = match File::open(Path::new(&self.path)) {
            Ok(file) => file,
            // A developer may delete it at any time; the host makes it again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.read = 0;
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() < self.read {
            self.read = 0;
        }
        file.seek(SeekFrom::Start(self.read))?;
        let (mut reader, mut lines) = (BufReader::new(file), Vec::new());
        loop {
            let mut line = Vec::new();
            let count = reader.read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                return Ok(lines);
            }
            self.read += count as u64;
            lines.push(String::from_utf8_lossy(&line).into_owned());
        }
    }
}

fn show(line: &str, options: &Options) -> anyhow::Result<()> {
    let entry: SinkEntry = match serde_json::from_str(line) {
        Ok(entry) => entry,
        Err(_) if line.trim().is_empty() => return Ok(()),
        Err(error) => {
            output::problem(&output::printable(&format!("note: a line of the sink is no record: {error}\n")));
            return Ok(());
        }
    };
    if options.json {
        return output::json_line(&entry);
    }
    let SinkEntry { written_at, topic, key, headers, value, value_base64 } = entry;
    output::line(&output::printable(&format!("{}  {topic}  key {key}", output::moment_utc(written_at))))?;
    for (name, value) in headers {
        output::line(&format!("  {}: {}", output::cell(&name, 0), output::cell(&value, 0)))?;
    }
    match value {
        Some(value) => output::json(&value)?,
        None => output::line(&output::printable(&format!("base64: {}", value_base64.unwrap_or_default())))?,
    }
    output::line("")
}
