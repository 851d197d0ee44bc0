//! Which other hosts share the store.
//!
//! A host that is alone announces nothing, because nobody would read it. Two hosts agree on that without a protocol: a
//! host writes its own record before it reads the others'. So when a host stops announcing while another one starts, at
//! least one of them sees the other, and the new host follows its businesses by other reads until all announce.

use std::collections::HashMap;
use std::time::Duration;

use signalbox_model::Timestamp;
use signalbox_store::{HostRecord, Store, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::metrics::HOSTS;

/// How many heartbeats a host may miss before it counts as gone.
const MISSED_BEATS: u32 = 3;

/// How often the others' records are read while one of them does not announce its changes yet.
const UNAWARE_INTERVAL: Duration = Duration::from_secs(2);

/// What a host knows of the other hosts on its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbours {
    /// There was no other host at this moment of the timeline.
    None(Timestamp),
    /// There are other hosts, or the store cannot be asked.
    Some {
        /// Whether each of them announces its changes. A host that was alone does not until it sees this one.
        all_announce: bool,
    },
}

/// Keeps the record of this host, and watches those of the others.
pub struct Presence {
    store: Store,
    heartbeat: Duration,
    peers: Peers,
    beat: u64,
    neighbours: watch::Sender<Neighbours>,
}

impl Presence {
    /// Until it has looked, it takes it that there are others.
    pub fn new(store: Store, heartbeat: Duration) -> (Self, watch::Receiver<Neighbours>) {
        store.announce_changes(true);
        let (neighbours, watch) = watch::channel(Neighbours::Some { all_announce: true });
        let heartbeat = heartbeat.max(Duration::from_millis(10));
        let peers = Peers::new(heartbeat * MISSED_BEATS);
        (Self { store, heartbeat, peers, beat: 0, neighbours }, watch)
    }

    /// Looks once, so that a host knows the others before it serves anybody.
    pub async fn first(&mut self) {
        self.keep_up().await;
    }

    /// Renews the record until `stop`, and then says that the host has left.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let pause = match *self.neighbours.borrow() {
                Neighbours::Some { all_announce: false } => UNAWARE_INTERVAL.min(self.heartbeat),
                _ => self.heartbeat,
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(pause) => {}
            }
            self.keep_up().await;
        }
        self.beat += 1;
        if let Err(error) = self.store.renew_host(self.beat, false, true).await {
            tracing::debug!(%error, "cannot say that this host has left; the others notice it");
        }
    }

    async fn keep_up(&mut self) {
        let neighbours = match self.beat_and_look().await {
            Ok(neighbours) => neighbours,
            Err(error) => {
                tracing::debug!(%error, "cannot look for other hosts; trying again");
                self.store.announce_changes(true);
                let all_announce = !matches!(*self.neighbours.borrow(), Neighbours::Some { all_announce: false });
                Neighbours::Some { all_announce }
            }
        };
        ::metrics::gauge!(HOSTS).set(self.peers.count() as f64 + 1.0);
        self.neighbours.send_if_modified(|known| {
            let changed = *known != neighbours;
            *known = neighbours;
            changed
        });
    }

    async fn beat_and_look(&mut self) -> Result<Neighbours, StoreError> {
        let announces = self.store.announces_changes();
        // Taken before the others are read: later changes of a host that is not seen now come after it.
        let at = self.store.moment().await?;
        self.renew(announces).await?;
        let mut others = self.living().await?;
        if others.is_empty() {
            if announces {
                self.renew(false).await?;
                others = self.living().await?;
            }
            if others.is_empty() {
                if announces {
                    tracing::info!("this host is the only one on the store");
                }
                self.store.announce_changes(false);
                return Ok(Neighbours::None(at));
            }
            self.renew(true).await?;
        } else if !announces {
            self.store.announce_changes(true);
            self.renew(true).await?;
            tracing::info!(hosts = others.len() + 1, "other hosts share the store");
        }
        Ok(Neighbours::Some { all_announce: others.iter().all(|host| host.announces) })
    }

    async fn renew(&mut self, announces: bool) -> Result<(), StoreError> {
        self.beat += 1;
        self.store.renew_host(self.beat, announces, false).await
    }

    async fn living(&mut self) -> Result<Vec<HostRecord>, StoreError> {
        let others = self.store.other_hosts().await?;
        Ok(self.peers.living(others, Instant::now()))
    }
}

/// When each other host was last seen to renew its record, by this host's own clock.
#[derive(Debug)]
struct Peers {
    life: Duration,
    seen: HashMap<String, (u64, Instant)>,
    living: usize,
}

impl Peers {
    fn new(life: Duration) -> Self {
        Self { life, seen: HashMap::new(), living: 0 }
    }

    fn count(&self) -> usize {
        self.living
    }

    /// Those of the hosts that live, as far as can be told: a record that is seen for the first time may be that of a
    /// host that has just died.
    fn living(&mut self, hosts: Vec<HostRecord>, now: Instant) -> Vec<HostRecord> {
        self.seen.retain(|instance, _| hosts.iter().any(|host| host.instance == *instance));
        let is_living = |host: &HostRecord| {
            let (beat, at) = self.seen.entry(host.instance.clone()).or_insert((host.beat, now));
            if *beat != host.beat {
                (*beat, *at) = (host.beat, now);
            }
            now.saturating_duration_since(*at) < self.life
        };
        let living: Vec<_> = hosts.into_iter().filter(is_living).collect();
        self.living = living.len();
        living
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(instance: &str, beat: u64) -> HostRecord {
        HostRecord { instance: instance.to_owned(), beat, announces: true, left: false }
    }

    #[test]
    fn a_host_lives_while_its_record_is_renewed_whatever_its_clock_shows() {
        let (mut peers, start) = (Peers::new(Duration::from_secs(45)), Instant::now());
        let mut living = |second, beats: &[(&str, u64)]| {
            let hosts = beats.iter().map(|(instance, beat)| host(instance, *beat)).collect();
            let living = peers.living(hosts, start + Duration::from_secs(second));
            living.into_iter().map(|host| host.instance).collect::<Vec<_>>()
        };
        assert_eq!(living(0, &[("a", 1), ("b", 1)]), ["a", "b"]);
        assert_eq!(living(30, &[("a", 2), ("b", 1)]), ["a", "b"]);
        assert_eq!(living(60, &[("a", 3), ("b", 1)]), ["a"], "b has died");
        assert_eq!(living(61, &[("a", 3), ("b", 2)]), ["a", "b"], "b was only slow");
        assert_eq!(living(62, &[("b", 2)]), ["b"], "a has left");
    }
}
