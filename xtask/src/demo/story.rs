//! The stories: all kinds of input over both business types, and what they cause, each checked while it is shown.

mod api;
mod chat;
mod cron;
mod effects;
mod expected;
mod review;
mod webhook;

use std::fmt::Display;

use anyhow::{Result, bail};
use serde_json::Value;

use super::folder::DemoFolder;
use super::host::{self, Host};
use super::outgoing::Outgoing;
use super::person::Person;
use super::program::Program;
use expected::Expected;

/// A restaurant with one room, open every day of the year.
const BISTRO: &str = "bistro-central";
/// A restaurant whose hours differ from day to day.
const TRATTORIA: &str = "trattoria-roma";
/// A clinic with several doctors.
const CLINIC: &str = "clinica-sanatatea";
/// A clinic with one doctor.
const PRACTICE: &str = "harbour-practice";

/// The business to which the reader's first own message goes.
pub const FIRST_BUSINESS: &str = TRATTORIA;
/// The coordinator of the stories.
pub const COORDINATOR: &str = "ana";
/// The coordinator's roles.
pub const COORDINATES: [(&str, &str); 4] =
    [(TRATTORIA, "coordinator"), (BISTRO, "coordinator"), (CLINIC, "coordinator"), (PRACTICE, "coordinator")];

/// All participants of the stories.
struct Stage<'a> {
    folder: &'a DemoFolder,
    outgoing: &'a Outgoing<'a>,
    coordinator: Person,
    patient: Person,
    doctor: Person,
    program: Program,
    /// The program's token.
    token: String,
    /// The decisions that were made.
    decisions: Vec<String>,
    /// How many checks have failed.
    unexpected: usize,
}

/// Shows all stories; fails when a check fails.
pub fn tell(folder: &DemoFolder, host: &Host, outgoing: &Outgoing<'_>, token: &str) -> Result<()> {
    let enter = |name, roles: &[(&str, &str)]| {
        let token = host::token(folder, name, roles)?;
        Person::connect(name, &host.websocket, &token)
    };
    let mut stage = Stage {
        folder,
        outgoing,
        coordinator: Person::connect(COORDINATOR, &host.websocket, token)?,
        patient: enter("ion", &[(CLINIC, "patient")])?,
        doctor: enter("dr-ionescu", &[(CLINIC, "doctor")])?,
        program: Program::new(&host.url),
        token: host::token(folder, "front-desk", &[(PRACTICE, "coordinator")])?,
        decisions: Vec::new(),
        unexpected: 0,
    };
    title("1. A chat: coordinators write, each business answers by its own graph");
    chat::tell(&mut stage)?;
    title("2. A signed webhook: a laboratory posts results to a clinic");
    let waiting = webhook::tell(&mut stage)?;
    title("3. An API request: a program asks for free times and books one");
    api::tell(&mut stage)?;
    title("4. A schedule ticks: the restaurant's morning summary");
    cron::tell(&mut stage)?;
    title("5. A review: a doctor approves what story 2 left waiting");
    review::tell(&mut stage, &waiting)?;
    title("6. Effects: what the decisions of the other stories caused has left");
    effects::tell(&mut stage)?;
    println!();
    if stage.unexpected > 0 {
        bail!("{} things are not as expected; the host's log is {}", stage.unexpected, folder.log.display());
    }
    Ok(())
}

impl Stage<'_> {
    /// Reads a decision back from the store, prints it, and compares it with the expected one.
    fn decision(&mut self, id: &str, expected: &Expected) -> Result<Value> {
        let stored = host::decision(self.folder, id)?;
        if !self.decisions.iter().any(|known| known == id) {
            self.decisions.push(id.to_owned());
        }
        line("path", expected::path(&stored));
        line("decision", expected::decision(&stored));
        for problem in expected.problems(id, &stored) {
            self.check(false, problem);
        }
        Ok(stored)
    }

    /// Prints a problem if the check fails.
    fn check(&mut self, holds: bool, problem: impl Display) {
        if !holds {
            self.unexpected += 1;
            line("NOT AS EXPECTED", problem);
        }
    }
}

fn title(text: &str) {
    println!("\n    {text}");
}

fn line(label: &str, text: impl Display) {
    println!("       {label:<10} {}", text.to_string().replace('\n', "\n                  "));
}
