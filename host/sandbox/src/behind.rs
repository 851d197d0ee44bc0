//! Threads that the system puts after the host's others: for what takes long and must keep nobody from an answer.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

/// How much of the machine loading a bundle may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// What decisions leave of it, and at least about a tenth of a core.
    #[default]
    Behind,
    /// All of it: the host serves nobody yet.
    Full,
}

impl Pace {
    /// For work that cannot be begun anew; none is no rank at all, since there is nobody to be behind.
    pub(crate) fn rank(self) -> Option<Rank> {
        match self {
            Self::Behind => Some(Rank::Share),
            Self::Full => None,
        }
    }
}

/// How far behind; other systems than Linux make no difference. Processes and threads that such a thread starts begin with
/// its rank, and cannot leave [`Rank::Idle`] again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// What nobody else wants. A thread of the host that wakes up takes such a core at once, as if nothing ran there; on a
    /// machine without a moment to spare nearly nothing is left.
    Idle,
    /// About a tenth of a busy core.
    Share,
}

/// Does the work in a thread of its own, with a rank or with that of who starts it, until its end or until nobody wants to know any more. What it waits for, the runtime
/// waits for as before. An error says that there was no thread for it, or that it panicked.
pub(crate) async fn run<T: Send + 'static>(
    thread: &str,
    rank: impl Into<Option<Rank>>,
    work: impl Future<Output = T> + Send + 'static,
) -> std::io::Result<T> {
    let rank: Option<Rank> = rank.into();
    let (mut sender, receiver) = oneshot::channel();
    let work = async move {
        let output = tokio::select! {
            biased;
            () = sender.closed() => return,
            output = work => output,
        };
        sender.send(output).ok();
    };
    let work = work.in_current_span().with_current_subscriber();
    let runtime = Handle::current();
    std::thread::Builder::new().name(thread.to_owned()).spawn(move || {
        if let Some(rank) = rank {
            rank.take();
        }
        runtime.block_on(work);
    })?;
    receiver.await.map_err(|_| std::io::Error::other("the thread broke off"))
}

/// Does work that can be begun anew: beside everything while nobody is served; else with what nobody else wants, and on a machine that gives that nearly nothing once more,
/// with a share. An error is one of [`run`].
pub(crate) async fn patiently<T, W>(thread: &str, pace: Pace, work: impl Fn() -> W) -> std::io::Result<T>
where
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    if pace == Pace::Full {
        return run(thread, None, work()).await;
    }
    let (begins, begun) = oneshot::channel();
    let first = work();
    let first = run(thread, Rank::Idle, async move {
        begins.send(this_thread()).ok();
        first.await
    });
    let starved = async {
        match begun.await {
            Ok(Some(thread)) => starves(&thread).await,
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        done = first => return done,
        () = starved => tracing::info!(thread, "the machine is too busy for work behind everything; it gets a share now"),
    }
    run(thread, Rank::Share, work()).await
}

/// How often it is looked whether something gets next to nothing of a core.
const LOOK: Duration = Duration::from_secs(1);

/// Ends when a process, or a thread, has waited for a core for nearly all of a second; never where the system does not tell.
/// It is named by its folder in `/proc`.
pub(crate) async fn starves(folder: &str) {
    let file = format!("{folder}/schedstat");
    let (mut looked, mut waited_before) = (Instant::now(), Duration::ZERO);
    while let Some(waited) = waited_for_a_core(&std::fs::read_to_string(&file).unwrap_or_default()) {
        if waited.saturating_sub(waited_before) > looked.elapsed().max(LOOK) * 9 / 10 {
            return;
        }
        (looked, waited_before) = (Instant::now(), waited);
        tokio::time::sleep(LOOK).await;
    }
    std::future::pending().await
}

/// The second of three numbers: https://docs.kernel.org/scheduler/sched-stats.html
fn waited_for_a_core(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().nth(1)?.parse().map(Duration::from_nanos).ok()
}

/// Its folder in `/proc`.
#[cfg(target_os = "linux")]
fn this_thread() -> Option<String> {
    Some(format!("/proc/self/task/{}", rustix::thread::gettid()))
}

#[cfg(not(target_os = "linux"))]
fn this_thread() -> Option<String> {
    None
}

impl Rank {
    #[cfg(target_os = "linux")]
    fn take(self) {
        use thread_priority::unix::{
            NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let taken = match self {
            Self::Idle => {
                set_thread_priority_and_policy(thread_native_id(), thread_priority::ThreadPriority::Min, idle)
                    .map_err(|error| error.to_string())
            }
            Self::Share => rustix::process::setpriority_process(None, NICENESS).map_err(|error| error.to_string()),
        };
        if let Err(error) = taken {
            tracing::debug!(%error, rank = ?self, "a thread keeps the rank of who started it");
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn take(self) {}
}

#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_is_dropped() {
        let (kept, gone) = oneshot::channel::<()>();
        let work = async move {
            let _kept = kept;
            std::future::pending::<()>().await;
        };
        {
            let run = std::pin::pin!(run("idle", Rank::Idle, work));
            tokio::select! { biased; _ = run => panic!("it has no end"), () = tokio::task::yield_now() => {} }
        }
        assert!(gone.await.is_err());
    }

    #[tokio::test]
    async fn work_that_panics_ends_in_an_error() {
        let work = async { assert_eq!(1, 2, "as a defect would") };
        assert!(run("panics", Rank::Idle, work).await.is_err());
    }

    /// Niceness and policy, as `/proc` has them: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    #[cfg(target_os = "linux")]
    fn told(stat: &str) -> (i32, i32) {
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[16].parse().unwrap(), fields[38].parse().unwrap())
    }

    #[cfg(target_os = "linux")]
    fn of_this_thread() -> (i32, i32) {
        told(&std::fs::read_to_string("/proc/thread-self/stat").unwrap())
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn work_that_starves_on_a_busy_machine_is_begun_anew_with_a_share() {
        let over = Arc::new(AtomicBool::new(false));
        let busy = || {
            let over = over.clone();
            std::thread::spawn(move || while !over.load(Ordering::Relaxed) {})
        };
        let cores = std::thread::available_parallelism().unwrap().get();
        let busy: Vec<_> = std::iter::repeat_with(busy).take(2 * cores).collect();
        let work = || async {
            // The first one has no end.
            while of_this_thread().1 == 5 {
                tokio::task::yield_now().await;
            }
            of_this_thread().1
        };
        assert_eq!(patiently("starves", Pace::Behind, work).await.unwrap(), 0, "SCHED_OTHER");
        over.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|busy| busy.join().unwrap());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn processes_that_it_starts_are_behind_from_their_first_moment() {
        let before = of_this_thread();
        for rank in [None, Some(Rank::Idle), Some(Rank::Share)] {
            let work = async { tokio::process::Command::new("cat").arg("/proc/self/stat").output().await };
            let stat = run("starts", rank, work).await.unwrap().unwrap().stdout;
            let (niceness, policy) = told(std::str::from_utf8(&stat).unwrap());
            match rank {
                None => assert_eq!((niceness, policy), before, "while nobody is served there is nobody to be behind"),
                Some(Rank::Idle) => assert_eq!(policy, 5, "SCHED_IDLE"),
                Some(Rank::Share) => assert_eq!((niceness, policy), (NICENESS.max(before.0), before.1)),
            }
        }
        assert_eq!(of_this_thread(), before, "and the host stays where it was");
    }
}
