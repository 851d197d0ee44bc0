//! The report, as a Markdown page.

use std::fmt::Write as _;
use std::time::Duration;

use signalbox_tests_support::provenance;

use crate::crashes::Crashes;
use crate::{Counts, FaultReport, Seen};

/// A fault and what came of it; the error says what was lost or doubled.
pub struct FaultRow {
    /// Its name.
    pub name: &'static str,
    /// What came of it.
    pub caused: Result<FaultReport, String>,
}

/// Quoted lines are cut at so many characters.
const LONGEST_LINE: usize = 400;

/// The page of a run of all faults.
pub fn page(killed: &Result<Crashes, String>, rows: &[FaultRow], seed: u64, took: Duration) -> String {
    let failed = rows.iter().filter(|row| row.caused.is_err()).count() + usize::from(killed.is_err());
    let mut page = format!(
        "# Faults\n\n\
         What is lost, what is doubled and what the operator sees when hosts are killed, and when what they depend on fails. \
         Each fault is caused on real processes of the debug build. Orders go in over WebSocket, API, webhook and, where \
         there are brokers, Kafka; each causes a resource action, a Kafka record, an external call and a notification. What \
         arrives is counted at the targets: the development sink or librdkafka's mock cluster, and an HTTP service. \
         *Lost* are acknowledged inputs without a decision, and effects of acknowledged inputs that did not arrive, \
         after the fault is over. *Under two keys* are effects that arrived under two idempotency keys, inputs with two \
         decisions, and effects that left without their review. *Duplicates* are further deliveries under the same key, \
         which the promise of at least one delivery allows.\n\n{}",
        provenance::table()
    );
    let _ =
        write!(page, "| command | `cargo xtask faults --seed {seed}` |\n| took | {} min |\n\n", took.as_secs() / 60);
    page.push_str(&match failed {
        0 => "Nothing was lost, and nothing left under two keys.\n".to_owned(),
        failed => format!("**{failed} faults lost or doubled something, or did not end as they must.**\n"),
    });
    write_crashes(&mut page, killed);
    page.push_str("\n## Other faults\n\n");
    page.push_str(&header("fault"));
    for row in rows {
        let cells = row.caused.as_ref().map_or("**failed**".to_owned(), |report| cells(&report.counts));
        let _ = writeln!(page, "| {} | {cells} |", row.name);
    }
    for row in rows {
        let _ = write!(page, "\n### {}\n\n", row.name);
        match &row.caused {
            Ok(report) => write_seen(&mut page, report),
            Err(error) => {
                let _ = write!(page, "Failed:\n\n```text\n{error}\n```\n");
            }
        }
    }
    page
}

fn write_crashes(page: &mut String, killed: &Result<Crashes, String>) {
    page.push_str("\n## kill -9\n\n");
    let crashes = match killed {
        Ok(crashes) => crashes,
        Err(error) => {
            let _ = write!(page, "Failed:\n\n```text\n{error}\n```\n");
            return;
        }
    };
    let _ = write!(
        page,
        "{} rounds. In each one a host ends itself by SIGKILL at one stage, at a passing that chance has chosen, or is \
         killed at any moment. Ten rounds after one another share a store. In {} rounds another host on the same store \
         lived on, and in {} of them it was killed too. What was not acknowledged is sent again under the same id.\n\n",
        crashes.rounds(),
        crashes.beside_another,
        crashes.both_killed
    );
    page.push_str("| stage | rounds | died there |\n| --- | --: | --: |\n");
    for (stage, rounds) in &crashes.stages {
        let _ = writeln!(page, "| {} | {} | {} |", stage.meaning(), rounds.rounds, rounds.reached);
    }
    page.push_str("\nIn the remaining rounds the host was killed before it had reached its stage.\n\n");
    page.push_str(&header("all rounds"));
    let _ = writeln!(page, "| {} | {} |", crashes.rounds(), cells(&crashes.counts));
}

fn header(first: &str) -> String {
    format!(
        "| {first} | inputs acknowledged | decisions | effects | duplicates | lost | under two keys |\n\
         | --- | --: | --: | --: | --: | --: | --: |\n"
    )
}

fn cells(counts: &Counts) -> String {
    let Counts { acknowledged, decisions, effects, duplicates, lost, doubled } = counts;
    format!("{acknowledged} | {decisions} | {effects} | {duplicates} | {lost} | {doubled}")
}

fn write_seen(page: &mut String, report: &FaultReport) {
    let _ = write!(page, "{}\n\nThe operator sees:\n\n", report.done);
    for Seen { place, text } in &report.seen {
        let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let cut: String = line.chars().take(LONGEST_LINE).collect();
        let more = if cut.len() < line.len() { "…" } else { "" };
        let _ = writeln!(page, "- {place}: `{}{more}`", cut.replace('`', "'"));
    }
}
