//! What hosts on one store cost, counted: calls of the store for each host and each message. Run it with
//! `cargo test --workspace --test relay -- --ignored --nocapture the_cost_of_hosts`; its output is in
//! `docs/decisions/0019-hosts-follow-a-change-feed.md`.
#![allow(clippy::print_stdout, reason = "the measurement prints its figures")]

use std::time::Duration;

use signalbox_delivery::HostsConfig;
use signalbox_tests_support::{StoreProxy, StoreServer};
use tokio::time::Instant;

use super::{Cluster, Host, decision, heard_until};

/// How long each part is counted.
const WINDOW: Duration = Duration::from_secs(30);

/// The messages that one host decides in that time.
const MESSAGES: u32 = 100;

struct Counted<'s> {
    store: &'s StoreProxy,
    before: u64,
    from: Instant,
}

impl<'s> Counted<'s> {
    fn start(store: &'s StoreProxy) -> Self {
        Self { store, before: store.calls().answered, from: Instant::now() }
    }

    /// Calls since the start, and in a minute for each host.
    fn end(&self, hosts: usize) -> (u64, f64) {
        let calls = self.store.calls().answered - self.before;
        let minutes = self.from.elapsed().as_secs_f64() / 60.0;
        (calls, calls as f64 / minutes / hosts as f64)
    }
}

async fn measure(hosts: usize, fan_out: bool) {
    let server = StoreServer::start().await.unwrap();
    let store = StoreProxy::start(server.url(), 0).await.unwrap();
    let cluster = Cluster::at(&store.url());
    let mut all: Vec<Host> = Vec::new();
    for _ in 0..hosts {
        all.push(cluster.host_with(HostsConfig::default(), fan_out).await);
    }
    if hosts > 1 {
        for host in &mut all {
            host.sees_others().await;
        }
    }
    let empty = Counted::start(&store);
    tokio::time::sleep(WINDOW).await;
    let (_, empty) = empty.end(hosts);
    let people: Vec<_> = all.iter().map(|host| host.world.connect("ana", "coordinator")).collect();
    // Until the feed is read less often.
    tokio::time::sleep(Duration::from_secs(35)).await;
    let quiet = Counted::start(&store);
    tokio::time::sleep(WINDOW).await;
    let (_, quiet) = quiet.end(hosts);
    let busy = Counted::start(&store);
    let records = cluster.topic.records();
    for number in 0..MESSAGES {
        all[0].decide(decision(&format!("d{number}"), Vec::new())).await;
        tokio::time::sleep(WINDOW / MESSAGES).await;
    }
    for person in &people {
        heard_until(person, &format!("rsp_d{}", MESSAGES - 1)).await;
    }
    let (calls, busy) = busy.end(hosts);
    println!(
        "{hosts} hosts, fan-out {fan_out}: calls a minute and host: {empty:.1} without people, {quiet:.1} quiet, \
         {busy:.1} with {MESSAGES} messages in {WINDOW:?}; {:.1} calls and {:.1} records a message",
        calls as f64 / f64::from(MESSAGES),
        (cluster.topic.records() - records) as f64 / f64::from(MESSAGES),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of minutes, for the decision's page"]
async fn the_cost_of_hosts() {
    for hosts in [1, 2, 10, 100] {
        measure(hosts, false).await;
        measure(hosts, true).await;
    }
}
