//! An attempt, tried again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use signalbox_tests_probes::arena::Arena;
use signalbox_tests_probes::attempt::{Attempt, Ended};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// So many at a time, and no more than so many begun each second, until it is lifted.
pub(super) struct Siege {
    tasks: JoinSet<()>,
    arena: Arc<Arena>,
    found: Arc<Found>,
}

#[derive(Default)]
struct Found {
    tried: AtomicU64,
    wrong: std::sync::Mutex<Option<String>>,
}

/// What came of a siege.
pub(super) struct Lifted {
    pub tried: u64,
    pub wrong: Option<String>,
}

impl Siege {
    pub fn lay(arena: Arc<Arena>, attempt: Arc<Attempt>, at_a_time: usize, a_second: u32) -> Self {
        let mut pace = interval(Duration::from_secs(1) / a_second);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (pace, found) = (Arc::new(Mutex::new(pace)), Arc::<Found>::default());
        let mut tasks = JoinSet::new();
        for _ in 0..at_a_time {
            tasks.spawn(again_and_again(arena.clone(), attempt.clone(), pace.clone(), found.clone()));
        }
        Self { tasks, arena, found }
    }

    /// Ends what is under way, and waits until nothing of it is left.
    pub async fn lift(mut self) -> Lifted {
        self.tasks.shutdown().await;
        let stuck = self.arena.world.idle().await.err().map(|error| error.to_string());
        let wrong = self.found.wrong.lock().ok().and_then(|mut wrong| wrong.take());
        Lifted { tried: self.found.tried.load(Ordering::Relaxed), wrong: wrong.or(stuck) }
    }
}

async fn again_and_again(arena: Arc<Arena>, attempt: Arc<Attempt>, pace: Arc<Mutex<Interval>>, found: Arc<Found>) {
    loop {
        pace.lock().await.tick().await;
        found.tried.fetch_add(1, Ordering::Relaxed);
        let told = match attempt.run(&arena).await {
            Ok(Ended::Stopped(_)) => continue,
            Ok(Ended::Loose(told)) => told,
            Err(error) => format!("{error:#}"),
        };
        if let Ok(mut wrong) = found.wrong.lock() {
            wrong.get_or_insert(told);
        }
    }
}
