//! The main job, shown end to end on the real host: a coordinator's message runs the decision graph of their business's
//! type, and the decision is kept and answered.

mod coordinator;
mod folder;
mod host;
mod story;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::guests;
use crate::steps::Steps;
use crate::workspace::{Workspace, succeed};
use coordinator::Coordinator;
use folder::DemoFolder;
use host::Host;

/// Of the coordinator in the story.
const USER: &str = "ana";

pub fn run(workspace: &Workspace, once: bool) -> Result<ExitCode> {
    let mut steps = Steps::new(5);
    steps.run("wasm target", guests::add_target)?;
    steps.run("build of the plugins", || guests::build_plugins(workspace))?;
    steps.run("build of the host", || build_host(workspace))?;

    let (folder, mut host) = steps.run("start of the host", || {
        let folder = DemoFolder::fresh(workspace)?;
        let host = Host::start(&folder)?;
        println!("    serving at {}, log in {}", host.url, workspace.relative(&folder.log).display());
        Ok((folder, host))
    })?;
    let token = host::token(&folder, USER)?;
    let told = steps.run("story", || tell(&folder, &host, &token));

    if once || told.is_err() {
        host.stop()?;
    }
    told?;
    if once {
        println!(
            "\ncargo xtask demo: every decision was made, stored, read back and answered as expected; {}",
            steps.elapsed()
        );
        return Ok(ExitCode::SUCCESS);
    }
    keep_serving(workspace, &folder, host, &token)
}

/// Builds the selection that `cargo test --workspace` builds, so that after the demo the tests compile only what is
/// new, and the other way round: naming one test makes cargo choose the features that it chooses for tests.
fn build_host(workspace: &Workspace) -> Result<()> {
    succeed(workspace.cargo().args(["build", "--workspace", "--bins", "--test", "journeys"]))
}

fn tell(folder: &DemoFolder, host: &Host, token: &str) -> Result<()> {
    let mut coordinator = Coordinator::connect(&host.websocket, token)?;
    let mut unexpected = 0;
    for (index, scene) in story::SCENES.iter().enumerate() {
        println!("\n    {}. {USER} at {}: “{}”", index + 1, scene.business, scene.text);
        let answer = coordinator
            .say(&format!("demo-{}", index + 1), scene.business, scene.text)
            .with_context(|| format!("message {}", index + 1))?;
        let stored = host::decision(folder, &answer.decision_id)?;
        for line in story::lines(&answer) {
            println!("       {line}");
        }
        for problem in story::problems(scene, &answer, &stored) {
            unexpected += 1;
            println!("       NOT AS EXPECTED  {problem}");
        }
    }
    if unexpected > 0 {
        bail!("{unexpected} things are not as expected; the host's log is {}", folder.log.display());
    }
    println!();
    Ok(())
}

fn keep_serving(workspace: &Workspace, folder: &DemoFolder, mut host: Host, token: &str) -> Result<ExitCode> {
    // As short as it may be where the commands are pasted, which is most likely here.
    let here = std::env::current_dir().is_ok_and(|here| here == workspace.root);
    let shown = |path| if here { workspace.relative(path) } else { path }.display();
    let (signalbox, config) = (shown(&folder.signalbox), shown(&folder.config));
    let business = story::SCENES.first().map_or("", |scene| scene.business);
    println!("\nThe host keeps serving at {} (WebSocket {}).", host.url, host.websocket);
    println!(
        "\nSay something yourself, in another terminal, with a development token for {USER} that holds 12 hours:\n"
    );
    println!("  export SIGNALBOX_TOKEN={token}");
    println!("  {signalbox} send --url {} --business {business} \\", host.websocket);
    println!("      \"Aveți o masă pentru 4 sâmbătă la 20:00?\"\n");
    println!("See what was decided:\n\n  {signalbox} decisions list --config {config}\n");
    println!("Ctrl-C stops the host.");
    host.wait().with_context(|| format!("its log is {}", folder.log.display()))?;
    println!("\nThe host has stopped.");
    Ok(ExitCode::SUCCESS)
}
