//! The commands, each in a file of its own.

mod check;
mod compile_component;
mod config;
mod connection;
mod cron;
mod decisions;
mod effects;
mod graph;
mod models;
mod output;
mod review;
mod schema;
mod send;
mod serve;
mod table;
mod tables;
mod token;
mod version;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::config::{Loaded, Sources};
use crate::serve::StartError;
use crate::shutdown;

/// Runs decision graphs of sandboxed plugins for people who coordinate businesses.
///
/// First run: write a signalbox.toml (docs/guide/operator.md has one to copy), then
///
///   signalbox check path/to/bundle
///   signalbox serve --config signalbox.toml
///   signalbox send --business my-business "hello" --token "$(signalbox token --user me --business my-business)"
#[derive(Debug, Parser)]
#[command(name = "signalbox", version, verbatim_doc_comment, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    configured: Configured,
    #[command(subcommand)]
    command: Command,
}

/// The options that every command takes.
#[derive(Clone, Debug, Args)]
pub struct Configured {
    /// The configuration file; without it signalbox.toml in the current folder, if there is one.
    #[arg(long, global = true, env = "SIGNALBOX_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key over file and environment, for example --set server.listen=127.0.0.1:0; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Options),
    Send(send::Options),
    Token(token::Options),
    Check(check::Options),
    Graph(graph::Options),
    Decisions(decisions::Options),
    Effects(effects::Options),
    Review(review::Options),
    Models(models::Options),
    Cron(cron::Options),
    Tables(tables::Options),
    Config(config::Options),
    Schema(schema::Options),
    Version(version::Options),
    #[command(hide = true)]
    CompileComponent(compile_component::Options),
}

/// Runs one command and returns its exit code; an error is printed on standard error.
pub fn run(cli: Cli) -> ExitCode {
    let configured = &cli.configured;
    let result = match cli.command {
        Command::Serve(options) => serve::run(configured, &options),
        Command::Send(options) => send::run(configured, &options),
        Command::Token(options) => token::run(configured, &options),
        Command::Check(options) => check::run(configured, &options),
        Command::Graph(options) => graph::run(&options),
        Command::Decisions(options) => decisions::run(configured, &options),
        Command::Effects(options) => effects::run(configured, &options),
        Command::Review(options) => review::run(configured, &options),
        Command::Models(options) => models::run(configured, &options),
        Command::Cron(options) => cron::run(configured, &options),
        Command::Tables(options) => tables::run(configured, &options),
        Command::Config(options) => config::run(configured, &options),
        Command::Schema(options) => schema::run(&options),
        Command::Version(options) => version::run(&options),
        Command::CompileComponent(options) => compile_component::run(&options),
    };
    match result {
        Ok(code) => code,
        // The program that reads the output has closed the pipe, as `head` does.
        Err(error) if is_broken_pipe(&error) => shutdown::DONE,
        Err(error) => {
            output::problem(&explain(&error));
            shutdown::FAILED
        }
    }
}

impl Configured {
    /// Reads and checks the configuration.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        self.load_with(None)
    }

    /// Like [`Configured::load`], with one more key that a shorthand option sets.
    pub fn load_with(&self, shorthand: Option<(&str, String)>) -> anyhow::Result<Loaded> {
        let set = self.set.iter().map(|option| ("--set", option.clone())).chain(shorthand);
        Ok(Sources::of_process(self.config.clone(), set).load().map_err(StartError::from)?)
    }
}

/// Runs a command's asynchronous part.
fn wait_for<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let result = runtime.block_on(work);
    // A thread that waits for keyboard input must not keep the process alive.
    runtime.shutdown_background();
    result
}

fn explain(error: &anyhow::Error) -> String {
    // Paths, names and answers in an error may come from untrusted sources.
    let told = output::printable(&with_causes(error));
    let Some(error) = error.downcast_ref::<StartError>() else { return format!("error: {told}\n") };
    let details = match error {
        StartError::Config(problems) => problems.render(std::io::stderr().is_terminal()),
        StartError::Bundles(report) => report.clone(),
        StartError::Script { error, .. } => error.render(std::io::stderr().is_terminal()),
        StartError::Directory(problem) => problem.render(std::io::stderr().is_terminal()),
        _ => String::new(),
    };
    let code = error.code();
    format!("{details}error[{code}]: {told}\n  docs/errors/{code}.md says what to do\n")
}

/// An error with its causes, each printed once: some libraries repeat the cause in their own message.
fn with_causes(error: &anyhow::Error) -> String {
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.ends_with(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
