//! The cost of a decision by the shape of its graph, with every node in a fresh sandbox and nothing stored.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bundle;
use crate::cpu::cpu_time;
use crate::figures::{ROUNDS, in_micros, median, micros};
use crate::in_process::{InProcessHost, TEXT, input};
use crate::report::{Report, Section};

/// How long one round of one graph is run.
const ROUND: Duration = Duration::from_millis(300);

/// Processor and wall time of one decision, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub cpu: f64,
    pub wall: f64,
}

/// Decides the same text again and again, one after the other.
pub async fn cost(host: &InProcessHost, content: &Value, round: Duration) -> Result<Cost> {
    let (cpu, started, mut decisions) = (cpu_time(), Instant::now(), 0_u32);
    let accepted = input(content)?;
    while started.elapsed() < round {
        host.decide_unrecorded(&accepted).await?;
        decisions += 1;
    }
    let each = |time: Duration| in_micros(time) / f64::from(decisions);
    Ok(Cost { cpu: each(cpu_time() - cpu), wall: each(started.elapsed()) })
}

/// The median of the rounds, after one round that warms up.
async fn measured(host: &InProcessHost, content: &Value) -> Result<Cost> {
    cost(host, content, ROUND).await?;
    let (mut cpu, mut wall) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let Cost { cpu: one, wall: other } = cost(host, content, ROUND).await?;
        cpu.push(one);
        wall.push(other);
    }
    Ok(Cost { cpu: median(&cpu), wall: median(&wall) })
}

pub async fn measure(report: &mut Report) -> Result<()> {
    let host = InProcessHost::new().await?;
    let folder = TempDir::new()?;
    let text = json!({ "text": TEXT });
    let mut section = Section::new("Graphs");
    section.say(
        "One decision after the other in one process: context, graph, a fresh sandbox for every node, and the record, \
         which is not stored. CPU is that of the whole process.",
    );

    let mut rows = Vec::new();
    for nodes in [1, 3, 10, 30, 100] {
        bundle::line(folder.path(), nodes)?;
        host.publish(folder.path()).await?;
        rows.push((format!("{nodes} in a line"), nodes, measured(&host, &text).await?));
    }
    // The cost per node, without the fixed cost of a decision: the slope between the smallest and the largest graph of
    // a shape.
    let slope = |rows: &[(String, usize, Cost)]| match (rows.first(), rows.last()) {
        (Some((_, few, low)), Some((_, many, high))) if many > few => (high.cpu - low.cpu) / (many - few) as f64,
        _ => 0.0,
    };
    let middle = |rows: &[(String, usize, Cost)]| match rows {
        [_, (_, few, low), .., (_, many, high)] if many > few => (high.cpu - low.cpu) / (many - few) as f64,
        _ => 0.0,
    };
    let line = (slope(&rows), middle(&rows));
    let mut all = std::mem::take(&mut rows);
    for width in [2, 4, 8, 16, 32, 64] {
        bundle::fan(folder.path(), width)?;
        host.publish(folder.path()).await?;
        rows.push((format!("{width} side by side, and one"), width + 1, measured(&host, &text).await?));
    }
    let fan = (slope(&rows), middle(&rows));
    all.append(&mut rows);
    bundle::each(folder.path())?;
    host.publish(folder.path()).await?;
    for items in [1, 10, 100, 1_000] {
        let content = json!({ "data": { "items": (0..items).collect::<Vec<usize>>() } });
        rows.push((format!("one for each of {items}, and one"), items + 1, measured(&host, &content).await?));
    }
    let each = (slope(&rows), middle(&rows));
    all.append(&mut rows);
    for nodes in [1, 10, 100] {
        bundle::large(folder.path(), nodes)?;
        host.publish(folder.path()).await?;
        rows.push((format!("1 of {nodes} that the graph has"), 1, measured(&host, &text).await?));
    }
    all.append(&mut rows);
    let shown: Vec<Vec<String>> = all
        .iter()
        .map(|(name, nodes, Cost { cpu, wall })| {
            vec![name.clone(), micros(*cpu), micros(*wall), micros(cpu / *nodes as f64)]
        })
        .collect();
    section.table(&["nodes run", "CPU", "wall", "CPU per node"], &shown);
    section.say(&format!(
        "What one more node costs, from the smallest to the largest graph of a shape, and in brackets from the second \
         smallest on: {} ({}) in a line, {} ({}) side by side, {} ({}) for each item.",
        micros(line.0),
        micros(line.1),
        micros(fan.0),
        micros(fan.1),
        micros(each.0),
        micros(each.1)
    ));
    report.add(section);
    Ok(())
}
