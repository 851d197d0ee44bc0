//! The host's start by the number of business types: how long it takes, the memory of each type, and each type's first
//! call.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use futures_util::SinkExt as _;
use signalbox_tests_support::{Server, Setup};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::websocket::SECRET;
use crate::bundle;
use crate::figures::{ROUNDS, in_micros, kib, median, time};
use crate::load::{self, UNLIMITED};
use crate::report::{Report, Section};

const TYPES: [usize; 4] = [1, 10, 100, 1_000];
/// How many business types have their first call timed.
const CALLED: usize = 100;

fn setup(folder: &Path, types: usize) -> Result<Setup> {
    let mut setup =
        Setup::new()?.config(UNLIMITED).config("[webhooks]\nsecrets.CHAIN_WEBHOOK = [{ file = \"webhook-secret\" }]");
    std::fs::write(setup.path().join("webhook-secret"), SECRET)?;
    for number in 0..types {
        let own = folder.join(number.to_string());
        if !own.exists() {
            bundle::distinct(&own, number)?;
        }
        setup = setup.business(&format!("b{number}"), &format!("chain-{number}"))?.bundle(own);
    }
    Ok(setup)
}

/// One message, from frame to reply: how long it took, and the host's processor time and wait for a core meanwhile, in
/// microseconds.
#[derive(Clone, Copy, Default)]
struct Called {
    took: f64,
    computed: f64,
    waited: f64,
}

/// The first message of each business, and its second.
async fn first_calls(server: &Server, types: usize) -> Result<(Vec<Called>, Vec<Called>)> {
    let setup = server.setup.as_ref().context("the host has files")?;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let called: Vec<String> = (0..types.min(CALLED)).map(|number| format!("b{number}")).collect();
    let token = called.iter().fold(setup.token("ana"), |token, id| token.business(id, &["coordinator"])).mint()?;
    let mut socket = load::connect(&server.websocket, Some(&token)).await?;
    for calls in [&mut first, &mut second] {
        for business in &called {
            let id = format!("m{}", ulid::Ulid::new());
            let [computed, waited] = server.process().scheduled()?;
            let started = Instant::now();
            socket.send(Message::text(load::message(&id, business))).await?;
            while !load::next(&mut socket).await?.starts_with("{\"type\":\"response\"") {}
            let took = in_micros(started.elapsed());
            let [computed_then, waited_then] = server.process().scheduled()?;
            let [computed, waited] =
                [computed_then.saturating_sub(computed), waited_then.saturating_sub(waited)].map(in_micros);
            calls.push(Called { took, computed, waited });
        }
    }
    Ok((first, second))
}

pub async fn measure(report: &mut Report, folder: &Path) -> Result<()> {
    let folder: PathBuf = folder.join("types");
    let (mut rows, mut memories, mut longest, mut alone) = (Vec::new(), Vec::new(), Called::default(), 0.0);
    let (mut typical, mut private_alone, mut private_each) = (0.0, 0.0, 0.0);
    for types in TYPES {
        let (mut ready, mut private, mut resident) = (Vec::new(), Vec::new(), Vec::new());
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for turn in 0..=ROUNDS {
            let server = Server::host(setup(&folder, types)?)?;
            // The first start compiles components that were never compiled on this machine, so its times are left out.
            if turn == 0 {
                continue;
            }
            ready.push(in_micros(server.ready_after));
            private.push(server.process().private_memory()? as f64);
            resident.push(server.process().memory()? as f64);
            (first, second) = first_calls(&server, types).await?;
        }
        let (private, resident) = (median(&private), median(&resident));
        if types == 1 {
            (alone, private_alone) = (resident, private);
        } else {
            private_each = (private - private_alone) / (types - 1) as f64;
        }
        memories.push((types, resident));
        let later = |one: Called, other: Called| if other.took > one.took { other } else { one };
        let worst = first.iter().copied().fold(Called::default(), later);
        longest = later(longest, worst);
        let took = |calls: &[Called]| median(&calls.iter().map(|call| call.took).collect::<Vec<_>>());
        typical = took(&first);
        rows.push(vec![
            types.to_string(),
            time(median(&ready)),
            kib(private),
            kib(resident),
            if types == 1 { String::new() } else { kib((resident - alone) / (types - 1) as f64) },
            time(typical),
            time(worst.took),
            time(took(&second)),
        ]);
    }
    let mut section = Section::new("Cold start");
    section.say(
        "The host's process from its start until it says that it can be reached, with compiled components in the cache. \
         Each business type has a bundle and a component of its own. A first call is the first message to a business of a \
         type that nobody has talked to, from frame to reply, recorded in the embedded store; a second is the next to it.",
    );
    section.table(
        &["business types", "ready", "private", "resident", "each", "first call", "longest first", "second call"],
        &rows,
    );
    report.add(section);
    report.keep("start.first", typical);
    report.keep("start.longest.computed", longest.computed);
    report.keep("start.longest.waited", longest.waited);
    report.keep("start.private", private_each);
    let each = memories.last().map_or(0.0, |(types, resident)| (resident - alone) / (*types - 1) as f64);
    report.budget("1,000 loaded business types", "at most 300 KiB resident each", kib(each), each <= 300.0 * 1024.0);
    report.budget(
        "first call from the cache",
        "at most 5 ms",
        format!("{} at most", time(longest.took)),
        longest.took <= 5_000.0,
    );
    Ok(())
}
