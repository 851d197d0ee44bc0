//! Makes bundles for measurements: graphs of any size over the guest of `tests/probes/guests/chain`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;
use signalbox_tests_support::bundle;

/// The bundle of three nodes with one condition in `tests/probes/bundles/chain`.
pub fn chain(folder: &Path) -> Result<()> {
    let original = bundle("probes/chain")?;
    fs::create_dir_all(folder)?;
    for file in ["bundle.toml", "chain.wasm"] {
        fs::copy(original.join(file), folder.join(file))?;
    }
    Ok(())
}

/// A graph over the same guest; `graph` is its nodes and edges.
fn write(folder: &Path, graph: &str) -> Result<()> {
    chain(folder)?;
    let manifest = format!(
        "[bundle]\nbusiness-type = \"probe-chain\"\nversion = \"1.0.0\"\n\n[inputs.websocket]\n\n\
         [plugins.chain]\ncomponent = \"chain.wasm\"\n\n\
         [graph]\nstep-limit = 200\n\n[graph.channels]\nnotes = \"append\"\n\n{graph}"
    );
    Ok(fs::write(folder.join("bundle.toml"), manifest)?)
}

fn node(text: &mut String, name: &str, more: &str) {
    let _ = writeln!(text, "[graph.nodes.{name}]\nplugin = \"chain\"\nwrites = [\"notes\"]\n{more}\n");
}

fn edge(text: &mut String, from: &str, to: &str, more: &str) {
    let _ = writeln!(text, "[[graph.edges]]\nfrom = \"{from}\"\nto = \"{to}\"\n{more}\n");
}

/// `nodes` nodes, one after the other; the last decides.
pub fn line(folder: &Path, nodes: usize) -> Result<()> {
    let (mut graph, mut before) = (String::new(), "start".to_owned());
    for at in 1..=nodes {
        let name = if at == nodes { "reply".to_owned() } else { format!("n{at}") };
        node(&mut graph, &name, "");
        edge(&mut graph, &before, &name, "");
        before = name;
    }
    edge(&mut graph, "reply", "end", "");
    write(folder, &graph)
}

/// `width` nodes side by side, and one that waits for all and decides.
pub fn fan(folder: &Path, width: usize) -> Result<()> {
    let mut graph = String::new();
    for at in 1..=width {
        let name = format!("n{at}");
        node(&mut graph, &name, "");
        edge(&mut graph, "start", &name, "");
        edge(&mut graph, &name, "reply", "");
    }
    node(&mut graph, "reply", "join = \"all\"");
    edge(&mut graph, "reply", "end", "");
    write(folder, &graph)
}

/// One node, run for every item of the input, and one that decides.
pub fn each(folder: &Path) -> Result<()> {
    let mut graph = String::new();
    node(&mut graph, "item", "for-each = \"input.data.items\"");
    node(&mut graph, "reply", "");
    edge(&mut graph, "start", "item", "");
    edge(&mut graph, "item", "reply", "");
    edge(&mut graph, "reply", "end", "");
    write(folder, &graph)
}

/// A graph of `nodes` nodes of which one is run: the others follow a condition that is false.
pub fn large(folder: &Path, nodes: usize) -> Result<()> {
    let (mut graph, mut before) = (String::new(), "reply".to_owned());
    node(&mut graph, "reply", "");
    for at in 1..nodes {
        let name = format!("n{at}");
        node(&mut graph, &name, "");
        edge(&mut graph, &before, &name, if at == 1 { "when = 'input.text == \"onward\"'" } else { "" });
        before = name;
    }
    edge(&mut graph, "start", "reply", "");
    // A graph of one node has no condition.
    edge(&mut graph, "reply", "end", if nodes > 1 { "otherwise = true" } else { "" });
    if nodes > 1 {
        edge(&mut graph, &before, "end", "");
    }
    write(folder, &graph)
}

/// The chain for a business type of its own. A custom section makes its component differ from all others, as different
/// code would.
pub fn distinct(folder: &Path, number: usize) -> Result<()> {
    chain(folder)?;
    let manifest = fs::read_to_string(folder.join("bundle.toml"))?;
    let manifest = manifest.replace("business-type = \"probe-chain\"", &format!("business-type = \"chain-{number}\""));
    fs::write(folder.join("bundle.toml"), manifest)?;
    let mut component = fs::read(folder.join("chain.wasm"))?;
    let content = format!("number {number}");
    // A custom section: id 0, size, name with its length, content. Both sizes are below 128 and so one byte each.
    let name = b"\x05bench";
    component.push(0);
    component.push(u8::try_from(name.len() + content.len())?);
    component.extend_from_slice(name);
    component.extend_from_slice(content.as_bytes());
    Ok(fs::write(folder.join("chain.wasm"), component)?)
}
