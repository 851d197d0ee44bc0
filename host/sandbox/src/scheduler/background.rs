//! Threads with a lower priority than the host's other threads, for work that takes long and must not delay others.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

/// The priority of loading a bundle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadPriority {
    /// The CPU time that decisions leave, and at least about a tenth of a core.
    #[default]
    Background,
    /// The priority of the host itself, which does not serve yet.
    Foreground,
}

impl LoadPriority {
    /// The priority of a thread for work that cannot be restarted; none is the priority of the thread that starts it.
    pub(crate) fn of_thread(self) -> Option<ThreadPriority> {
        match self {
            Self::Background => Some(ThreadPriority::Low),
            Self::Foreground => None,
        }
    }
}

/// The priority of a background thread on Linux; other systems ignore it. Processes and threads that such a thread
/// starts inherit it, and cannot leave [`ThreadPriority::Idle`] again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadPriority {
    /// `SCHED_IDLE`: only otherwise unused CPU time. A thread of the host that wakes up takes the core at once, as if
    /// it were idle. On a machine without idle time such a thread makes almost no progress.
    Idle,
    /// Niceness 10: about a tenth of a busy core.
    Low,
}

/// Runs the work in its own thread, with this priority or with that of the thread that starts it. The thread ends with
/// the work, or when the receiver of its output is dropped. The runtime handles what the work waits for. The error
/// means that no thread could be started, or that the work panicked.
pub(crate) async fn run_on_thread<T: Send + 'static>(
    thread: &str,
    priority: impl Into<Option<ThreadPriority>>,
    work: impl Future<Output = T> + Send + 'static,
) -> std::io::Result<T> {
    let priority: Option<ThreadPriority> = priority.into();
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
        if let Some(priority) = priority {
            priority.apply();
        }
        runtime.block_on(work);
    })?;
    receiver.await.map_err(|_| std::io::Error::other("the thread broke off"))
}

/// Runs work that can be restarted. Before the host serves, it runs with normal priority. Later it runs with idle
/// priority, and when it starves, it is restarted once with low priority. Errors are those of [`run_on_thread`].
pub(crate) async fn run_restartable<T, W>(
    thread: &str,
    priority: LoadPriority,
    work: impl Fn() -> W,
) -> std::io::Result<T>
where
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    if priority == LoadPriority::Foreground {
        return run_on_thread(thread, None, work()).await;
    }
    let (sender, started) = oneshot::channel();
    let first = work();
    let first = run_on_thread(thread, ThreadPriority::Idle, async move {
        sender.send(proc_folder_of_this_thread()).ok();
        first.await
    });
    let starved = async {
        match started.await {
            Ok(Some(folder)) => starved(&folder).await,
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        done = first => return done,
        () = starved => tracing::info!(thread, "the machine is too busy for work with idle priority; it begins again with low priority"),
    }
    run_on_thread(thread, ThreadPriority::Low, work()).await
}

/// How often a thread or process is checked for starvation.
const STARVATION_CHECK: Duration = Duration::from_secs(1);

/// Returns when a process or thread, named by its folder in `/proc`, has waited for a core for nine tenths of a second;
/// never where the system does not report this.
pub(crate) async fn starved(folder: &str) {
    let file = format!("{folder}/schedstat");
    let (mut checked, mut waited_before) = (Instant::now(), Duration::ZERO);
    while let Some(waited) = time_on_runqueue(&std::fs::read_to_string(&file).unwrap_or_default()) {
        if waited.saturating_sub(waited_before) > checked.elapsed().max(STARVATION_CHECK) * 9 / 10 {
            return;
        }
        (checked, waited_before) = (Instant::now(), waited);
        tokio::time::sleep(STARVATION_CHECK).await;
    }
    std::future::pending().await
}

/// The second of the three numbers: https://docs.kernel.org/scheduler/sched-stats.html
fn time_on_runqueue(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().nth(1)?.parse().map(Duration::from_nanos).ok()
}

#[cfg(target_os = "linux")]
fn proc_folder_of_this_thread() -> Option<String> {
    Some(format!("/proc/self/task/{}", rustix::thread::gettid()))
}

#[cfg(not(target_os = "linux"))]
fn proc_folder_of_this_thread() -> Option<String> {
    None
}

impl ThreadPriority {
    /// Sets the priority of this thread.
    #[cfg(target_os = "linux")]
    fn apply(self) {
        use thread_priority::unix::{
            NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let applied = match self {
            Self::Idle => {
                set_thread_priority_and_policy(thread_native_id(), thread_priority::ThreadPriority::Min, idle)
                    .map_err(|error| error.to_string())
            }
            Self::Low => rustix::process::setpriority_process(None, LOW_NICENESS).map_err(|error| error.to_string()),
        };
        if let Err(error) = applied {
            tracing::debug!(%error, priority = ?self, "a thread keeps the priority of the thread that started it");
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn apply(self) {}
}

#[cfg(target_os = "linux")]
const LOW_NICENESS: i32 = 10;

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
            let run = std::pin::pin!(run_on_thread("idle", ThreadPriority::Idle, work));
            tokio::select! { biased; _ = run => panic!("it has no end"), () = tokio::task::yield_now() => {} }
        }
        assert!(gone.await.is_err());
    }

    #[tokio::test]
    async fn work_that_panics_ends_in_an_error() {
        let work = async { assert_eq!(1, 2, "as a defect would") };
        assert!(run_on_thread("panics", ThreadPriority::Idle, work).await.is_err());
    }

    /// Niceness and scheduling policy from `/proc`: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
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
    async fn work_that_starves_on_a_busy_machine_is_begun_anew_with_low_priority() {
        let over = Arc::new(AtomicBool::new(false));
        let busy = || {
            let over = over.clone();
            std::thread::spawn(move || while !over.load(Ordering::Relaxed) {})
        };
        let cores = std::thread::available_parallelism().unwrap().get();
        let busy: Vec<_> = std::iter::repeat_with(busy).take(2 * cores).collect();
        let work = || async {
            // The first run never ends.
            while of_this_thread().1 == 5 {
                tokio::task::yield_now().await;
            }
            of_this_thread().1
        };
        assert_eq!(run_restartable("starves", LoadPriority::Background, work).await.unwrap(), 0, "SCHED_OTHER");
        over.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|busy| busy.join().unwrap());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn processes_that_a_background_thread_starts_have_its_priority_from_their_first_moment() {
        let before = of_this_thread();
        for priority in [None, Some(ThreadPriority::Idle), Some(ThreadPriority::Low)] {
            let work = async { tokio::process::Command::new("cat").arg("/proc/self/stat").output().await };
            let stat = run_on_thread("starts", priority, work).await.unwrap().unwrap().stdout;
            let (niceness, policy) = told(std::str::from_utf8(&stat).unwrap());
            match priority {
                None => assert_eq!((niceness, policy), before, "no priority is that of the thread that starts it"),
                Some(ThreadPriority::Idle) => assert_eq!(policy, 5, "SCHED_IDLE"),
                Some(ThreadPriority::Low) => assert_eq!((niceness, policy), (LOW_NICENESS.max(before.0), before.1)),
            }
        }
        assert_eq!(of_this_thread(), before, "and the host stays where it was");
    }
}
