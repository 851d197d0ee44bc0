//! An attempt that is repeated while the neighbour is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use signalbox_tests_probes::arena::Arena;
use signalbox_tests_probes::attempt::{Attempt, Ended};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Runs `many` copies concurrently, and starts no more than `pace` each second, until it is stopped.
pub(super) struct Load {
    tasks: JoinSet<()>,
    arena: Arc<Arena>,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    tried: AtomicU64,
    wrong: std::sync::Mutex<Option<String>>,
}

/// The results of the load.
pub(super) struct LoadResult {
    pub tried: u64,
    pub wrong: Option<String>,
}

impl Load {
    pub fn start(arena: Arc<Arena>, attempt: Arc<Attempt>, at_a_time: usize, a_second: u32) -> Self {
        let mut pace = interval(Duration::from_secs(1) / a_second);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (pace, progress) = (Arc::new(Mutex::new(pace)), Arc::<Progress>::default());
        let mut tasks = JoinSet::new();
        for _ in 0..at_a_time {
            tasks.spawn(try_repeatedly(arena.clone(), attempt.clone(), pace.clone(), progress.clone()));
        }
        Self { tasks, arena, progress }
    }

    /// Ends the copies that run, and waits until all of them are gone.
    pub async fn stop(mut self) -> LoadResult {
        self.tasks.shutdown().await;
        let stuck = self.arena.world.idle().await.err().map(|error| error.to_string());
        let wrong = self.progress.wrong.lock().ok().and_then(|mut wrong| wrong.take());
        LoadResult { tried: self.progress.tried.load(Ordering::Relaxed), wrong: wrong.or(stuck) }
    }
}

async fn try_repeatedly(arena: Arc<Arena>, attempt: Arc<Attempt>, pace: Arc<Mutex<Interval>>, progress: Arc<Progress>) {
    loop {
        pace.lock().await.tick().await;
        progress.tried.fetch_add(1, Ordering::Relaxed);
        let told = match attempt.run(&arena).await {
            Ok(Ended::Stopped(_)) => continue,
            Ok(Ended::Loose(told)) => told,
            Err(error) => format!("{error:#}"),
        };
        if let Ok(mut wrong) = progress.wrong.lock() {
            wrong.get_or_insert(told);
        }
    }
}
