//! Who computes when. Short calls run on the runtime's threads. A guest that computes for longer than a tick goes on in a thread
//! of its own that the system puts after the host's, and as many of those compute at a time as leave a core for short calls.
//! Where most calls of a plugin do so for a business, the next ones begin behind everything else.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::behind::{self, Rank};
use crate::lane::Lane;
use crate::lately::{Caller, Lately};
use crate::signs::{Signs, thread_time};

/// A guest that waited so long for a core gets its share of a busy one.
const STARVED: Duration = Duration::from_millis(200);

/// The lanes of one sandbox.
pub(crate) struct Lanes {
    /// For guests that compute for longer than a tick.
    share: Arc<Lane>,
    /// For those of plugins that keep doing so. Whoever has a turn here may wait for a core for long, which those above need
    /// not wait for.
    idle: Arc<Lane>,
    lately: Lately,
}

/// One guest call on its way.
pub(crate) struct Course {
    pub caller: Caller,
    pub deadline: Instant,
    /// Who computes for longer does not go on among the short ones.
    pub tick: Duration,
    pub signs: Arc<Signs>,
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Lanes {
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let most = cores.saturating_sub(1).max(1);
        Self { share: Lane::new(most, most), idle: Lane::new(most, most), lately: Lately::default() }
    }

    /// Runs a guest call to its end. The work ends by itself when its signs say that it is over. An error says that there
    /// was no thread for it.
    pub async fn run<T: Send + 'static>(
        &self,
        course: Course,
        work: impl Future<Output = T> + Send + 'static,
    ) -> std::io::Result<T> {
        let mut work: Work<T> = Box::pin(work);
        let (caller, tick) = (course.caller.clone(), course.tick);
        if self.lately.is_heavy(&caller) {
            let (output, computed) = Box::pin(self.apart(course, work, &[Rank::Idle, Rank::Share])).await?;
            self.lately.note(&caller, computed >= tick);
            return Ok(output);
        }
        let (output, computed) = briefly(&course, &mut work).await;
        // Some of what takes long is not interrupted by a tick.
        self.lately.note(&caller, output.is_none() || computed >= tick);
        match output {
            Some(output) => Ok(output),
            None => Ok(Box::pin(self.apart(course, work, &[Rank::Share])).await?.0),
        }
    }

    /// Goes on in a thread of its own, and in one of the next rank when it starves there, and tells for how long it computed.
    /// What the guest asks of the host is done by the runtime as before. Few calls come here, so its future is kept on the
    /// heap: every call's would be as large otherwise.
    async fn apart<T: Send + 'static>(
        &self,
        course: Course,
        work: Work<T>,
        ranks: &[Rank],
    ) -> std::io::Result<(T, Duration)> {
        course.signs.goes_apart();
        let mut left = Left { course, work };
        for &rank in ranks {
            let lane = match rank {
                Rank::Idle => self.idle.clone(),
                Rank::Share => self.share.clone(),
            };
            match behind::run("guest", rank, in_turns(lane, left, rank)).await? {
                Ok(ended) => return Ok(ended),
                Err(starved) => left = starved,
            }
        }
        Err(std::io::Error::other("it left its thread"))
    }
}

/// How far a guest came in one go at computing.
enum Went<T> {
    ToItsEnd(T),
    /// It waits for something.
    Waits,
    /// It is to let others compute.
    OverATick,
    /// The same, and it had to wait for a core long.
    Starved,
}

/// Lets the work compute once, and tells for how long it did.
async fn go<T>(course: &Course, work: &mut Work<T>) -> (Went<T>, Duration) {
    let Course { deadline, tick, signs, .. } = course;
    // Whoever got no turn in time is past its deadline too.
    if Instant::now() >= *deadline {
        signs.ends();
    }
    let began = std::time::Instant::now();
    let before = signs.begins(began, *tick);
    let polled = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
    let took = began.elapsed();
    let polled = match polled {
        // It has computed for no longer, and to ask the thread's clock costs as much as a short guest's own work.
        Poll::Ready(output) if took < *tick => return (Went::ToItsEnd(output), took),
        polled => polled,
    };
    signs.pauses();
    let computed = Duration::from_nanos(thread_time().saturating_sub(before));
    let went = match polled {
        Poll::Ready(output) => Went::ToItsEnd(output),
        Poll::Pending if !signs.take_yields() => Went::Waits,
        Poll::Pending if took.saturating_sub(computed) < STARVED => Went::OverATick,
        Poll::Pending => Went::Starved,
    };
    (went, computed)
}

/// On the runtime's thread, as long as it takes no more than a tick, and tells for how long it computed. No output when it is
/// to compute for longer.
async fn briefly<T>(course: &Course, work: &mut Work<T>) -> (Option<T>, Duration) {
    let mut computed = Duration::ZERO;
    loop {
        let (went, lately) = go(course, work).await;
        computed += lately;
        match went {
            Went::ToItsEnd(output) => return (Some(output), computed),
            // Its time is looked at above.
            Went::Waits => drop(timeout_at(course.deadline, woken()).await),
            Went::OverATick | Went::Starved => return (None, computed),
        }
    }
}

/// What goes on elsewhere.
struct Left<T> {
    course: Course,
    work: Work<T>,
}

/// Computes in turns of the lane, until its end, or until it starves where it is not to.
async fn in_turns<T>(lane: Arc<Lane>, left: Left<T>, rank: Rank) -> Result<(T, Duration), Left<T>> {
    let Left { course, mut work } = left;
    let mut computed = Duration::ZERO;
    loop {
        let turn = timeout_at(course.deadline, lane.turn(&course.caller.business)).await.ok();
        let (went, lately) = go(&course, &mut work).await;
        drop(turn);
        computed += lately;
        match went {
            Went::ToItsEnd(output) => return Ok((output, computed)),
            Went::Starved if rank == Rank::Idle => return Err(Left { course, work }),
            // It is woken already, and its time is looked at above. Setting a timer holds the runtime's lock of timers, for
            // which the runtime's threads would wait while this one is kept from a core.
            Went::OverATick | Went::Starved => woken().await,
            Went::Waits => drop(timeout_at(course.deadline, woken()).await),
        }
    }
}

/// Ends when the task is woken.
async fn woken() {
    let mut slept = false;
    poll_fn(|_| if std::mem::replace(&mut slept, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;
    use crate::SandboxConfig;

    /// Computes so many ticks, and notes how many did so at the same time.
    async fn computing(ticks: u32, signs: Arc<Signs>, at_once: Arc<[AtomicUsize; 2]>) -> Result<(), &'static str> {
        let [now, most] = &*at_once;
        for _ in 0..ticks {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Whoever may compute too does so now.
            (0..10).for_each(|_| std::thread::yield_now());
            now.fetch_sub(1, Ordering::SeqCst);
            signs.yields();
            tokio::task::yield_now().await;
            if signs.is_over() {
                return Err("over");
            }
        }
        Ok(())
    }

    fn course(business: &str, deadline: Duration) -> (Course, Arc<Signs>) {
        let signs = Arc::new(Signs::default());
        let caller = Caller { business: business.into(), plugin: "plugin".into() };
        let course = Course {
            caller,
            deadline: Instant::now() + deadline,
            tick: SandboxConfig::default().tick,
            signs: signs.clone(),
        };
        (course, signs)
    }

    fn lanes(most: usize) -> Lanes {
        Lanes { share: Lane::new(most, most), idle: Lane::new(most, most), lately: Lately::default() }
    }

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_guests_compute_long_at_once_than_leave_a_core() {
        let (lanes, at_once) = (lanes(1), Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]));
        let runs = (0..20).map(|_| {
            let (course, signs) = course("one", LONG);
            lanes.run(course, computing(50, signs, at_once.clone()))
        });
        for ended in futures(runs).await {
            assert_eq!(ended.unwrap(), Ok(()));
        }
        // One more is in its first tick.
        assert!(at_once[1].load(Ordering::SeqCst) <= 2, "{at_once:?}");
    }

    async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
        let mut all: Vec<_> = all.map(Box::pin).collect();
        let mut ended: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
        poll_fn(|context| {
            for (run, end) in all.iter_mut().zip(&mut ended).filter(|(_, end)| end.is_none()) {
                if let Poll::Ready(output) = run.as_mut().poll(context) {
                    *end = Some(output);
                }
            }
            if ended.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        ended.into_iter().flatten().collect()
    }

    #[tokio::test]
    async fn a_short_call_is_answered_while_every_long_turn_is_taken() {
        let lanes = lanes(1);
        let taken = lanes.share.turn(&"greedy".into()).await;
        let (long, long_signs) = course("greedy", LONG);
        let mut long = std::pin::pin!(lanes.run(long, computing(2, long_signs, Arc::default())));
        let (short, _) = course("neighbour", LONG);
        let answer = tokio::select! {
            biased;
            _ = &mut long => panic!("it has no turn"),
            answer = lanes.run(short, async { "answer" }) => answer,
        };
        assert_eq!(answer.unwrap(), "answer");
        drop(taken);
        assert_eq!(long.await.unwrap(), Ok(()), "and the other goes on as soon as it may");
    }

    #[tokio::test]
    async fn calls_of_a_plugin_that_computed_for_long_lately_begin_behind_the_host() {
        let lanes = lanes(1);
        let run = |business: &str, ticks| {
            let (course, signs) = course(business, LONG);
            lanes.run(course, computing(ticks, signs, Arc::default()))
        };
        let taken = lanes.idle.turn(&"one".into()).await;
        for _ in 0..3 {
            assert_eq!(run("one", 1).await.unwrap(), Ok(()), "the first ones have their share of a core");
        }
        let mut next = std::pin::pin!(run("one", 0));
        tokio::select! {
            biased;
            _ = &mut next => panic!("its calls have a turn each now"),
            ended = run("other", 0) => assert_eq!(ended.unwrap(), Ok(())),
        }
        drop(taken);
        assert_eq!(next.await.unwrap(), Ok(()));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_guest_that_starves_behind_the_host_gets_its_share() {
        fn policy() -> String {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit(')').next().unwrap().split_whitespace().nth(38).unwrap().to_owned()
        }
        let (lanes, (course, signs)) = (lanes(1), course("one", LONG));
        (0..3).for_each(|_| lanes.lately.note(&course.caller, true));
        let work = async move {
            let before = policy();
            // As if others had the core.
            std::thread::sleep(2 * STARVED);
            signs.yields();
            tokio::task::yield_now().await;
            (before, policy())
        };
        let (before, after) = lanes.run(course, work).await.unwrap();
        assert_eq!((&*before, &*after), ("5", "0"), "SCHED_IDLE, and then as others");
    }

    #[tokio::test]
    async fn a_guest_that_waits_for_its_turn_still_ends_at_its_deadline() {
        let lanes = lanes(1);
        let _taken = (lanes.share.turn(&"one".into()).await, lanes.idle.turn(&"one".into()).await);
        for heavy in [false, true] {
            let (course, signs) = course("one", Duration::from_millis(20));
            (0..3).filter(|_| heavy).for_each(|_| lanes.lately.note(&course.caller, true));
            assert_eq!(lanes.lately.is_heavy(&course.caller), heavy);
            assert!(lanes.run(course, ending(signs)).await.unwrap().is_err());
        }
    }

    /// As a guest call does: computes only while it is not over.
    async fn ending(signs: Arc<Signs>) -> Result<(), &'static str> {
        if signs.is_over() {
            return Err("over");
        }
        computing(u32::MAX, signs, Arc::default()).await
    }

    #[tokio::test]
    async fn a_guest_that_waited_for_the_host_stays_among_the_short_ones_and_is_charged_for_what_it_computed() {
        let lanes = lanes(1);
        let _taken = lanes.share.turn(&"one".into()).await;
        let (course, signs) = course("one", LONG);
        let work = async move {
            let began = thread_time();
            while thread_time() - began < 1_000_000 {}
            tokio::task::yield_now().await;
            (signs.take_spent(), signs.take_spent())
        };
        let (spent, again) = lanes.run(course, work).await.unwrap();
        assert!(spent >= Duration::from_millis(1), "{spent:?}");
        assert_eq!(again, Duration::ZERO, "once");
    }

    #[tokio::test]
    async fn a_guest_that_nobody_waits_for_any_more_is_dropped() {
        let lanes = lanes(1);
        let (course, signs) = course("one", LONG);
        let (kept, gone) = oneshot::channel::<()>();
        let work = async move {
            let _kept = kept;
            computing(u32::MAX, signs, Arc::default()).await
        };
        {
            let run = std::pin::pin!(lanes.run(course, work));
            tokio::select! { biased; _ = run => panic!("it computes without end"), () = tokio::task::yield_now() => {} }
        }
        assert!(gone.await.is_err());
        drop(lanes.share.turn(&"one".into()).await);
    }
}
