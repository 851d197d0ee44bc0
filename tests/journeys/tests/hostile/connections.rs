use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signalbox_tests_support::DEADLINE;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Siege;
use super::raw::Raw;

/// How many connections the burst has.
const BURST: usize = 10_000;

/// How much more memory may be used after the burst: the allocator keeps some of what 10,000 connections took.
const KEPT_OF_BURST: u64 = 256 << 20;

/// Locked by a test while it holds the connections of a burst.
static BURSTS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Opens a burst of connections from `source`, and sends the beginning of a request on each.
async fn burst(source: &'static str, address: &str) -> Result<Vec<Raw>> {
    let mut connecting = JoinSet::new();
    for _ in 0..BURST {
        let address = address.to_owned();
        connecting.spawn(async move {
            let mut raw = Raw::connect_from(source, &address).await?;
            raw.send(b"GET /livez HTTP/1.1\r\nHost: signal").await?;
            anyhow::Ok(raw)
        });
    }
    let mut connected = Vec::with_capacity(BURST);
    while let Some(raw) = connecting.join_next().await {
        connected.push(raw??);
    }
    Ok(connected)
}

/// This process needs a handle for its end of each connection, and some for other tests; the host needs one for each of
/// its ends.
fn handles_for_the_burst() -> Result<()> {
    let own = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: own.maximum, maximum: own.maximum })?;
    let most = own.maximum.unwrap_or(u64::MAX);
    let needed = BURST as u64 + 2_000;
    ensure!(most >= needed, "this machine allows {most} file handles; raise `ulimit -Hn` to {needed}");
    Ok(())
}

#[tokio::test]
async fn ten_thousand_connects_in_a_burst_are_held_and_cut_off_while_a_neighbour_is_answered() -> Result<()> {
    let _alone = BURSTS.lock().await;
    handles_for_the_burst()?;
    let limits = "[http]\nmax-connections = 12000\nconnections-per-address = 12000\nheader-timeout = \"20s\"\n";
    let mut siege = Siege::begin(limits).await?;
    let connected = burst("127.0.0.2", siege.address()).await?;
    siege.is_borne().await?;
    // The system completes connections that the host has not accepted yet.
    let all_held = async {
        while siege.host.usage()?.files < BURST {
            sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    timeout(DEADLINE, all_held).await.context("the host does not hold the whole burst")??;
    for mut raw in connected {
        raw.closed().await?;
    }
    siege.ends_with(KEPT_OF_BURST).await
}

#[tokio::test]
async fn of_ten_thousand_connects_in_a_burst_only_so_many_are_held_as_are_allowed() -> Result<()> {
    let _alone = BURSTS.lock().await;
    handles_for_the_burst()?;
    let limits = "[http]\nmax-connections = 500\nconnections-per-address = 400\nheader-timeout = \"20s\"\n";
    let mut siege = Siege::begin(limits).await?;
    let connected = burst("127.0.0.2", siege.address()).await?;
    let held = siege.host.usage()?.files;
    assert!(held <= siege.before.files + 500, "the host holds {held} files");
    siege.is_borne().await?;
    drop(connected);
    siege.ends().await
}

#[tokio::test]
async fn one_address_cannot_take_the_places_of_others() -> Result<()> {
    let mut siege = Siege::begin("[http]\nmax-connections = 60\nconnections-per-address = 40\n").await?;
    let mut attackers = Vec::new();
    for _ in 0..100 {
        let mut raw = Raw::connect_from("127.0.0.2", siege.address()).await?;
        raw.send(b"GET /livez HTTP/1.1\r\nHost: ").await?;
        attackers.push(raw);
    }
    siege.is_borne().await?;
    let (refused, all) = ("signalbox_http_connections_refused_total", "signalbox_http_connections");
    assert_eq!(siege.metric(refused, &["\"address\""]).await?, 60.0);
    assert_eq!(siege.metric(refused, &["\"all\""]).await?, 0.0);
    assert!(siege.metric(all, &[]).await? <= 50.0);
    drop(attackers);
    siege.ends().await
}
