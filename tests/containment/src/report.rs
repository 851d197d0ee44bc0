//! The report, as a Markdown page.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use signalbox_tests_probes::attempt::Attempt;
use signalbox_tests_support::provenance;

use crate::Options;

/// How many times as long as undisturbed the neighbour may wait.
const MOST: f64 = 2.0;
/// What the host itself may take besides its guests, in MiB: decisions of the window, journals, buffers.
const HOSTS_OWN: u64 = 96;

/// The results of one attempt.
pub(super) struct Row {
    attempt: Arc<Attempt>,
    took: Duration,
    pub undisturbed: Vec<Duration>,
    pub beside_one: Beside,
    pub beside_many: Beside,
    /// The ways in which it was not stopped as it must be.
    pub wrong: Vec<String>,
}

/// The measurements beside an attempt.
#[derive(Default)]
pub(super) struct Beside {
    pub waits: Vec<Duration>,
    /// The peak of the memory, beyond the resident memory before, in bytes.
    pub grown: u64,
    pub tried: u64,
}

impl Beside {
    fn times(&self, undisturbed: Duration) -> f64 {
        median(&self.waits).as_secs_f64() / undisturbed.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Row {
    pub fn new(attempt: Arc<Attempt>, took: Duration) -> Self {
        Self {
            attempt,
            took,
            undisturbed: Vec::new(),
            beside_one: Beside::default(),
            beside_many: Beside::default(),
            wrong: Vec::new(),
        }
    }

    /// Whether it was stopped, in time and within its memory.
    pub fn was_stopped(&self) -> bool {
        self.wrong.is_empty() && self.is_bounded()
    }

    fn is_bounded(&self) -> bool {
        let bytes = |runs: u64| (runs * self.attempt.memory + HOSTS_OWN) << 20;
        self.beside_one.grown <= bytes(1) && self.beside_many.grown <= bytes(crate::many(&self.attempt) as u64)
    }

    /// How many rounds were measured.
    pub fn rounds(&self) -> usize {
        self.undisturbed.len()
    }

    /// Whether the neighbour waited no longer than it may.
    pub fn is_met(&self) -> bool {
        let undisturbed = median(&self.undisturbed);
        self.beside_one.times(undisturbed) <= MOST && self.beside_many.times(undisturbed) <= MOST
    }

    /// A line for the terminal.
    pub fn line(&self) -> String {
        let undisturbed = median(&self.undisturbed);
        format!(
            "{:28} {} undisturbed {:>9}  beside one {:>9} {:5.2}x  beside many {:>9} {:5.2}x  tried {}+{}  grown {}+{} MiB{}",
            self.attempt.name,
            if self.was_stopped() { "stopped" } else { "LOOSE  " },
            millis(undisturbed),
            millis(median(&self.beside_one.waits)),
            self.beside_one.times(undisturbed),
            millis(median(&self.beside_many.waits)),
            self.beside_many.times(undisturbed),
            self.beside_one.tried,
            self.beside_many.tried,
            self.beside_one.grown >> 20,
            self.beside_many.grown >> 20,
            self.wrong.first().map(|wrong| format!("  {wrong}")).unwrap_or_default(),
        )
    }
}

/// A summary of all attempts.
pub(super) fn summary(rows: &[Row]) -> String {
    let stopped = rows.iter().filter(|row| row.was_stopped()).count();
    let met = rows.iter().filter(|row| row.is_met()).count();
    let mut text = format!(
        "{stopped} of {} attempts were stopped as they must be, in time and within their memory. Beside {met} of them the \
         neighbour's p99 was at most {MOST} times its undisturbed value.",
        rows.len()
    );
    for row in rows.iter().filter(|row| !row.was_stopped()) {
        let why = row.wrong.first().map_or("it took more memory than it may", String::as_str);
        write!(text, "\n\nNot stopped: {}: {why}", row.attempt.name).ok();
    }
    let missed: Vec<&str> = rows.iter().filter(|row| !row.is_met()).map(|row| &*row.attempt.name).collect();
    if !missed.is_empty() {
        write!(text, "\n\nNot met: {}.", missed.join(", ")).ok();
    }
    text
}

/// The whole page.
pub(super) fn write(rows: &[Row], options: &Options, took: Duration) -> String {
    let Options { rate, window, rounds, most_rounds, pace, .. } = options;
    let mut page = format!(
        "# Containment\n\n{}\n\n\
         | | |\n| --- | --- |\n| command | `cargo xtask containment` |\n| commit | {} |\n| date | {} |\n| machine | {} |\n\
         | build | {} |\n| took | {:.0} s |\n\n\
         One process, and for each attempt a sandbox, an executor and a store in memory of its own. A neighbour asks its graph of three nodes \
         {rate} times a second over a socket, in an open loop: each wait counts from the moment at which it meant to ask. Each \
         attempt is looked at in {rounds} rounds of undisturbed, beside one, beside many, {window} ms each, and where the neighbour \
         waited too long in those, in {most_rounds}; a figure is the median of all its rounds' 99th percentiles. *Beside one*: the attempt again and \
         again, one at a time. *Beside many*: 64 at a time, as many as `in-flight-per-business` lets one business have by default, and no more than {pace} started a second, as \
         `rate-per-business` lets it send; of components that are refused at load, as many as there are cores. The breaker is off, which would end most attempts after five. \
         Nothing replays decisions yet, so no attempt writes during a replay; `handler-effect` shows that a guest causes nothing \
         where nothing is decided.\n\n\
         *Memory* is how far the process grew at most; it is bounded by what the attempt's limits allow for each that runs, and \
         {HOSTS_OWN} MiB of the host's own. *Met* says that the neighbour waited at most {MOST} times as long as undisturbed.\n\n\
         | attempt | what it tried | what stopped it | deadline | ended after | rounds | p99 before | beside one | beside many | memory | stopped | met |\n\
         | --- | --- | --- | --: | --: | --: | --: | --: | --: | --: | --- | --- |\n",
        summary(rows),
        provenance::commit(),
        provenance::now(),
        provenance::machine(),
        if cfg!(debug_assertions) { "debug: figures mean little" } else { "release" },
        took.as_secs_f64(),
    );
    for row in rows {
        let undisturbed = median(&row.undisturbed);
        let beside = |beside: &Beside| format!("{} ({:.1}x)", millis(median(&beside.waits)), beside.times(undisturbed));
        writeln!(
            page,
            "| {} | {} | {} | {} s | {} | {} | {} | {} | {} | {} / {} MiB | {} | {} |",
            row.attempt.name,
            row.attempt.tries,
            row.attempt.guard(),
            row.attempt.deadline.as_secs(),
            millis(row.took),
            row.rounds(),
            millis(undisturbed),
            beside(&row.beside_one),
            beside(&row.beside_many),
            row.beside_one.grown >> 20,
            row.beside_many.grown >> 20,
            if row.was_stopped() { "yes" } else { "**no**" },
            if row.is_met() { "yes" } else { "**no**" },
        )
        .ok();
    }
    page
}

fn median(of: &[Duration]) -> Duration {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1_000.0)
}
