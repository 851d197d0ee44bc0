use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Configured;
use crate::config::Loaded;
use crate::serve;

/// Runs the host until SIGTERM or Ctrl-C.
///
/// When the host is ready it prints one line to standard output: JSON when that is not a terminal, else a friendly
/// text. Logs go to standard error. SIGTERM lets running decisions finish; each further signal skips the wait that is
/// under way. SIGHUP reads the business directory and the log filter again. Exit codes: 0 stopped in order, 1 could not
/// start, 2 wrong options, 3 stopped with unfinished work that the next start takes up, 130 second signal.
///
/// Example: signalbox serve --config signalbox.toml --bundle target/plugins/restaurant
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Listens here instead of at server.listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Loads this bundle besides those of bundles.paths; may be repeated.
    #[arg(long, value_name = "FOLDER")]
    bundle: Vec<PathBuf>,
    /// Prints the configuration that would be in force, as `signalbox config` does, and ends.
    #[arg(long)]
    check_config: bool,
    /// Prints the ready line as JSON also on a terminal.
    #[arg(long)]
    ready_json: bool,
}

/// Runs the host.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let (configured, more) = (configured.clone(), options.clone());
    let read = move || more.load(&configured);
    let loaded = read()?;
    if options.check_config {
        return super::config::print(&loaded, false);
    }
    let read_again = move || Ok(read()?.config);
    super::wait_for(serve::serve(loaded.config, &loaded.warnings, Box::new(read_again), options.ready_json))
}

impl Options {
    fn load(&self, configured: &Configured) -> anyhow::Result<Loaded> {
        let listen = self.listen.map(|address| ("--listen", format!("server.listen={address}")));
        let mut loaded = configured.load_with(listen)?;
        loaded.config.bundles.paths.extend(self.bundle.iter().cloned());
        Ok(loaded)
    }
}
