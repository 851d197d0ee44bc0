//! Decides which guest call computes when, on which thread and with which priority.
//!
//! # The problem
//!
//! A guest call is a future that runs WebAssembly while it is polled. Tokio schedules cooperatively: a thread of the
//! runtime that polls a guest does nothing else until the guest ends, waits for the host or yields. Most calls compute
//! for some microseconds and then this is the fastest way to run them. But a guest may also compute for as long as
//! `limits.cpu` of its plugin allows. On a machine with two cores two such guests would occupy both threads of the
//! runtime, and every other business would wait for them, however short its own calls are. So computing guests are
//! preempted, and those that compute for long go on in the background, where they delay no other call.
//!
//! # Preemption
//!
//! Wasmtime interrupts a guest at its next loop or call once the *epoch* has moved on. The thread `epoch` of the
//! [`EpochTicker`] moves it on at every *tick*: each millisecond while guests run, and each 10 ms in debug builds,
//! which compute so much less in a millisecond. At a tick the guest is charged for the CPU time that its thread has
//! spent since the last one, against `limits.cpu` (see [`CpuMeter`]), and yields. A guest of the foreground that has
//! used less than a quarter of a tick goes on at once, because ticks fall into short calls by chance.
//!
//! # Threads, priorities and permits
//!
//! | where a call computes | thread | priority on Linux | how many at a time |
//! | --- | --- | --- | --- |
//! | foreground: every call begins here | the runtime's | the host's | 1 per thread of the runtime |
//! | background: after a preemption | one for the call | niceness 10: a tenth of a busy core | cores - 1, at least 1 |
//! | idle: plugins with many long calls | one for the call | `SCHED_IDLE`: only unused time | cores - 1, at least 1 |
//!
//! - **A call goes to the background** when it is preempted. It never comes back: its future moves to a thread of its
//!   own with a low priority, which polls it to its end. Starting a thread takes some 30 us, and the call has computed
//!   for longer; there are never more of these threads than instances. What the guest asks of the host is still done by
//!   the runtime, since the thread polls within its context.
//! - **A permit** is the right to compute until the next tick, or until the call waits for the host. Each of the last
//!   two rows of the table has a [`FairSemaphore`] of permits. There are fewer permits than cores, so a core is left
//!   for the foreground, and they are handed out round robin over the businesses, so a business with a hundred long
//!   calls delays another business by one tick per round. A call that waits for a permit still ends at its deadline.
//! - **A plugin with many long calls begins in the idle row.** [`LoadHistory`] remembers for ten seconds which plugins
//!   were preempted for which business: three long calls in a row, or more than one in eight, are enough. Niceness
//!   alone is not enough for these: a thread that wakes up waits until the time slice of the running thread is over,
//!   about 3 ms, while it takes a core from a `SCHED_IDLE` thread at once. A call that has waited 200 ms for a core
//!   there goes on in a background thread, so no call starves on a machine without an idle moment.
//! - **The instances of the pool**, of which every call needs one before it begins, are permits of a third
//!   [`FairSemaphore`]; no business holds more than half of them. They belong to [`crate::Sandbox`].
//!
//! Threads that a thread starts inherit its priority and cannot leave `SCHED_IDLE`. So a task of the runtime, and not
//! the thread of a guest's call, starts the work on threads that later serve others.
//!
//! Loading a bundle and compiling its components is background work too: [`background`] runs it, with its own
//! [`LoadPriority`], and [`chunked_io`] reads and writes large files in parts, since a kernel may not preempt a system
//! call.
//!
//! `docs/decisions/0011-guests-that-compute-long-go-aside.md` tells what was measured and what was given up.

pub(crate) mod background;
mod call_state;
pub(crate) mod chunked_io;
mod cpu_meter;
mod epoch_ticker;
mod load_history;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use signalbox_limits::FairSemaphore;
use tokio::time::{Instant, timeout_at};

pub use background::LoadPriority;
use background::ThreadPriority;
pub(crate) use call_state::CallState;
pub(crate) use epoch_ticker::{ActiveGuest, EpochTicker};
pub(crate) use load_history::BusinessPlugin;
use load_history::LoadHistory;

/// A guest with idle priority that has waited for a core for this long goes on with low priority.
const STARVATION: Duration = Duration::from_millis(200);

/// The scheduler of one sandbox.
pub(crate) struct Scheduler {
    /// Permits of calls that were preempted, by business.
    low_permits: FairSemaphore<Arc<str>>,
    /// Permits of calls that begin in the background. They are separate, because a call that holds one may wait long
    /// for a core.
    idle_permits: FairSemaphore<Arc<str>>,
    history: LoadHistory,
}

/// What the scheduler knows about a guest call.
pub(crate) struct ScheduledCall {
    pub caller: BusinessPlugin,
    pub deadline: Instant,
    /// A call that computes for longer goes to the background.
    pub tick: Duration,
    pub state: Arc<CallState>,
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Scheduler {
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_permits(cores.saturating_sub(1).max(1))
    }

    /// One business may have all permits, because no other business would use the free ones.
    fn with_permits(permits: usize) -> Self {
        let semaphore = || FairSemaphore::new(permits, permits);
        Self { low_permits: semaphore(), idle_permits: semaphore(), history: LoadHistory::default() }
    }

    /// Runs a guest call to its end. The work has to end by itself once its state says that the deadline has passed.
    /// The error means that no thread could be started for it.
    pub async fn run<T: Send + 'static>(
        &self,
        call: ScheduledCall,
        work: impl Future<Output = T> + Send + 'static,
    ) -> std::io::Result<T> {
        let mut work: Work<T> = Box::pin(work);
        let (caller, tick) = (call.caller.clone(), call.tick);
        if self.history.is_mostly_long(&caller) {
            let priorities = &[ThreadPriority::Idle, ThreadPriority::Low];
            let (output, cpu_time) = Box::pin(self.run_in_background(call, work, priorities)).await?;
            self.history.record(&caller, cpu_time >= tick);
            return Ok(output);
        }
        let (output, cpu_time) = run_in_foreground(&call, &mut work).await;
        // Some long computations, such as filling memory, are not interrupted by a tick.
        self.history.record(&caller, output.is_none() || cpu_time >= tick);
        match output {
            Some(output) => Ok(output),
            None => Ok(Box::pin(self.run_in_background(call, work, &[ThreadPriority::Low])).await?.0),
        }
    }

    /// Runs the call in a thread with the first of these priorities, and when it starves there, in one with the next
    /// priority. Returns its output and its CPU time. Few calls come here, so this future is boxed; otherwise the
    /// future of every call would be as large.
    async fn run_in_background<T: Send + 'static>(
        &self,
        call: ScheduledCall,
        work: Work<T>,
        priorities: &[ThreadPriority],
    ) -> std::io::Result<(T, Duration)> {
        call.state.move_to_background();
        let mut unfinished = UnfinishedCall { call, work };
        for &priority in priorities {
            let permits = match priority {
                ThreadPriority::Idle => self.idle_permits.clone(),
                ThreadPriority::Low => self.low_permits.clone(),
            };
            let running = run_with_permits(permits, unfinished, priority);
            match background::run_on_thread("guest", priority, running).await? {
                Ok(finished) => return Ok(finished),
                Err(starved) => unfinished = starved,
            }
        }
        Err(std::io::Error::other("it left its thread"))
    }
}

/// The result of one poll of a call.
enum PollOutcome<T> {
    Finished(T),
    /// The call waits for the host.
    Waiting,
    /// The call has computed until a tick.
    Preempted,
    /// The call has computed until a tick, and its thread had to wait long for a core.
    Starved,
}

/// A call that has left its thread before its end.
struct UnfinishedCall<T> {
    call: ScheduledCall,
    work: Work<T>,
}

/// Polls the call once. Returns the result and the CPU time.
async fn poll_once<T>(call: &ScheduledCall, work: &mut Work<T>) -> (PollOutcome<T>, Duration) {
    let ScheduledCall { deadline, tick, state, .. } = call;
    // A call that got no permit in time is past its deadline too.
    if Instant::now() >= *deadline {
        state.expire();
    }
    let started = std::time::Instant::now();
    let before = state.cpu.start(started, *tick);
    let polled = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
    let elapsed = started.elapsed();
    let polled = match polled {
        // The CPU time cannot exceed the elapsed time, and reading the thread's clock takes as long as a short call.
        Poll::Ready(output) if elapsed < *tick => return (PollOutcome::Finished(output), elapsed),
        polled => polled,
    };
    state.cpu.pause();
    let cpu_time = Duration::from_nanos(cpu_meter::thread_cpu_time().saturating_sub(before));
    let outcome = match polled {
        Poll::Ready(output) => PollOutcome::Finished(output),
        Poll::Pending if !state.take_preempted() => PollOutcome::Waiting,
        Poll::Pending if elapsed.saturating_sub(cpu_time) < STARVATION => PollOutcome::Preempted,
        Poll::Pending => PollOutcome::Starved,
    };
    (outcome, cpu_time)
}

/// Runs the call on the runtime's thread until its end, or until it is preempted, in which case it returns no output.
/// Returns the CPU time too.
async fn run_in_foreground<T>(call: &ScheduledCall, work: &mut Work<T>) -> (Option<T>, Duration) {
    let mut cpu_time = Duration::ZERO;
    loop {
        let (outcome, of_poll) = poll_once(call, work).await;
        cpu_time += of_poll;
        match outcome {
            PollOutcome::Finished(output) => return (Some(output), cpu_time),
            // The next poll checks whether the deadline has passed.
            PollOutcome::Waiting => drop(timeout_at(call.deadline, woken()).await),
            PollOutcome::Preempted | PollOutcome::Starved => return (None, cpu_time),
        }
    }
}

/// Runs the call with a permit for each poll until its end, or until it starves with idle priority. Returns the CPU
/// time too.
async fn run_with_permits<T>(
    permits: FairSemaphore<Arc<str>>,
    unfinished: UnfinishedCall<T>,
    priority: ThreadPriority,
) -> Result<(T, Duration), UnfinishedCall<T>> {
    let UnfinishedCall { call, mut work } = unfinished;
    let mut cpu_time = Duration::ZERO;
    loop {
        let permit = timeout_at(call.deadline, permits.acquire(&call.caller.business)).await.ok();
        let (outcome, of_poll) = poll_once(&call, &mut work).await;
        drop(permit);
        cpu_time += of_poll;
        match outcome {
            PollOutcome::Finished(output) => return Ok((output, cpu_time)),
            PollOutcome::Starved if priority == ThreadPriority::Idle => return Err(UnfinishedCall { call, work }),
            // The call is woken already, so no timer is needed. Setting one takes the runtime's lock of timers, and the
            // runtime's threads would wait for it while this thread has no core.
            PollOutcome::Preempted | PollOutcome::Starved => woken().await,
            PollOutcome::Waiting => drop(timeout_at(call.deadline, woken()).await),
        }
    }
}

/// Waits until the task is woken.
async fn woken() {
    let mut polled = false;
    poll_fn(|_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

#[cfg(test)]
mod tests;
