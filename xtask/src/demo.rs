//! Shows every kind of input end to end on the real host: each input runs the decision graph of its business's type,
//! and the decision is stored, answered, and reviewed by a person where the graph asks for it.

mod folder;
mod host;
mod outgoing;
mod person;
mod program;
mod story;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::steps::Steps;
use crate::workspace::{Workspace, succeed};
use crate::{guests, tools};
use folder::DemoFolder;
use host::Host;
use outgoing::{KafkaCluster, Outgoing};

pub fn run(workspace: &Workspace, once: bool, kafka: bool) -> Result<ExitCode> {
    let mut steps = Steps::new(if kafka { 7 } else { 6 });
    steps.run("tools", tools::check)?;
    steps.run("wasm target", guests::add_target)?;
    steps.run("build of the plugins", || guests::build_plugins(workspace))?;
    steps.run("build of the host", || build_host(workspace))?;

    let outgoing = match kafka {
        true => Outgoing::Kafka(steps.run("Apache Kafka", || KafkaCluster::start(workspace))?),
        false => Outgoing::File,
    };
    let (folder, mut host) = steps.run("start of the host", || {
        let folder = DemoFolder::fresh(workspace, &outgoing)?;
        let host = Host::start(&folder)?;
        println!("    serving at {}, log in {}", host.url, workspace.relative(&folder.log).display());
        Ok((folder, host))
    })?;
    let token = host::token(&folder, story::COORDINATOR, &story::COORDINATES)?;
    let told = steps.run("six stories", || story::tell(&folder, &host, &outgoing, &token));

    if once || told.is_err() {
        host.stop()?;
    }
    told?;
    if once {
        println!(
            "\ncargo xtask demo: every decision was made, stored, read back and answered as expected, and what the \
             decisions caused is {}; {}",
            outgoing.place(),
            steps.elapsed()
        );
        return Ok(ExitCode::SUCCESS);
    }
    keep_serving(workspace, &folder, host, &outgoing, &token)
}

/// Builds the same selection as `cargo test --workspace`, so that after the demo the tests compile only what is new,
/// and the other way round: naming one test makes cargo choose the features that it chooses for tests.
fn build_host(workspace: &Workspace) -> Result<()> {
    succeed(workspace.cargo().args(["build", "--workspace", "--bins", "--test", "journeys"]))
}

fn keep_serving(
    workspace: &Workspace,
    folder: &DemoFolder,
    mut host: Host,
    outgoing: &Outgoing<'_>,
    token: &str,
) -> Result<ExitCode> {
    // A short path when the reader's shell is in the repository's root, which is most likely.
    let here = std::env::current_dir().is_ok_and(|here| here == workspace.root);
    let shown = |path| if here { workspace.relative(path) } else { path }.display();
    let (signalbox, config) = (shown(&folder.signalbox), shown(&folder.config));
    let (user, business) = (story::COORDINATOR, story::FIRST_BUSINESS);
    println!("\nThe host keeps serving at {} (WebSocket {}).", host.url, host.websocket);
    println!(
        "\nSay something yourself, in another terminal, with a development token for {user} that holds 12 hours:\n"
    );
    println!("  export SIGNALBOX_TOKEN={token}");
    println!("  {signalbox} send --url {} --business {business} \\", host.websocket);
    println!("      \"Aveți o masă pentru 4 sâmbătă la 20:00?\"\n");
    println!("See what was decided:\n\n  {signalbox} decisions list --config {config}\n");
    println!("What decisions cause is {}.", outgoing.place());
    println!("Ctrl-C stops the host.");
    host.wait().with_context(|| format!("its log is {}", folder.log.display()))?;
    println!("\nThe host has stopped.");
    Ok(ExitCode::SUCCESS)
}
