//! A business that asks at a steady rate, whether or not earlier answers have come: each wait counts from the planned
//! time of its question, so that a host that stalls shows in the waits.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use signalbox_tests_probes::arena::Arena;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;

pub(super) struct Neighbour {
    pub arena: Arc<Arena>,
    pub rate: u32,
    pub window: Duration,
}

impl Neighbour {
    /// Asks for one window, and returns the 99th percentile of the waits. The questions come over a socket from a
    /// separate thread, like those of a client.
    pub async fn wait(&self) -> Result<Duration> {
        let (mut client, server) = UnixStream::pair()?;
        server.set_nonblocking(true)?;
        let mut server = tokio::net::UnixStream::from_std(server)?;
        let questions = (self.window.as_secs_f64() * f64::from(self.rate)).ceil() as u32;
        let (interval, begin) = (Duration::from_secs(1) / self.rate, Instant::now() + Duration::from_millis(5));
        let meant = move |number: u32| begin + interval * number;
        let asking = std::thread::spawn(move || {
            (0..questions).try_for_each(|number| {
                std::thread::sleep(meant(number).saturating_duration_since(Instant::now()));
                client.write_all(&number.to_be_bytes())
            })
        });
        let mut answers = JoinSet::new();
        for _ in 0..questions {
            let mut number = [0; 4];
            server.read_exact(&mut number).await?;
            let (arena, meant) = (self.arena.clone(), meant(u32::from_be_bytes(number)));
            answers.spawn(async move {
                arena.neighbour().await?;
                anyhow::Ok(meant.elapsed())
            });
        }
        let mut waits = Histogram::<u64>::new(3)?;
        while let Some(wait) = answers.join_next().await {
            waits.record(u64::try_from(wait??.as_micros())?)?;
        }
        asking.join().ok().context("the asking thread broke off")??;
        Ok(Duration::from_micros(waits.value_at_quantile(0.99)))
    }
}
