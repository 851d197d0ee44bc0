//! Who computes when. Short calls run on the runtime's threads. A guest that computes for longer than a tick goes on in a thread
//! of its own that the system puts after the host's, and as many of those compute at a time as leave a core for short calls.
//! The calls of a business whose guests did so lately begin so many at a time that a runtime's thread is left for others.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

use crate::lane::Lane;

/// Behind whatever serves others, and still some of a busy machine.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// How long a business counts as one whose guests compute for long.
const LATELY: Duration = Duration::from_secs(10);

/// The lanes of one sandbox.
pub(crate) struct Lanes {
    short: Arc<Lane>,
    long: Arc<Lane>,
    lately: Lately,
}

/// Businesses whose guests computed for long, and until when that counts.
#[derive(Default)]
struct Lately {
    businesses: Mutex<HashMap<Arc<str>, Instant>>,
    /// How many there are, so that in their absence nobody takes the lock.
    count: AtomicUsize,
}

impl Lately {
    fn note(&self, business: &Arc<str>) {
        let now = Instant::now();
        let mut businesses = self.businesses.lock().unwrap_or_else(PoisonError::into_inner);
        businesses.retain(|_, until| now < *until);
        businesses.insert(business.clone(), now + LATELY);
        self.count.store(businesses.len(), Ordering::Relaxed);
    }

    fn has(&self, business: &Arc<str>) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut businesses = self.businesses.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = businesses.get(business) else { return false };
        if Instant::now() < *until {
            return true;
        }
        businesses.remove(business);
        self.count.store(businesses.len(), Ordering::Relaxed);
        false
    }
}

/// One guest call on its way.
pub(crate) struct Course {
    pub business: Arc<str>,
    pub deadline: Instant,
    pub signs: Arc<Signs>,
}

/// What a guest's store and whoever drives it tell each other.
#[derive(Default)]
pub(crate) struct Signs {
    ticked: AtomicBool,
    over: AtomicBool,
    apart: AtomicBool,
    /// How long its thread had computed when it was looked at last, in nanoseconds.
    looked: AtomicU64,
    /// What it computed before it waited for something, and was not charged for yet, in nanoseconds.
    spent: AtomicU64,
}

impl Signs {
    /// The guest is to let others compute.
    pub fn yields(&self) {
        self.ticked.store(true, Ordering::Relaxed);
    }

    /// Whether the guest has a thread of its own.
    pub fn is_apart(&self) -> bool {
        self.apart.load(Ordering::Relaxed)
    }

    /// How long the guest has computed in one go since it was looked at last. A thread that had to wait for a core did not
    /// compute.
    pub fn computed(&self) -> Duration {
        let now = thread_time();
        Duration::from_nanos(now.saturating_sub(self.looked.swap(now, Ordering::Relaxed)))
    }

    /// What it computed before, and waited for something in between.
    pub fn take_spent(&self) -> Duration {
        Duration::from_nanos(self.spent.swap(0, Ordering::Relaxed))
    }

    /// The guest is about to compute, on this thread.
    fn begins(&self) {
        self.looked.store(thread_time(), Ordering::Relaxed);
    }

    /// The guest waits for something.
    fn pauses(&self) {
        let computed = u64::try_from(self.computed().as_nanos()).unwrap_or(u64::MAX);
        self.spent.fetch_add(computed, Ordering::Relaxed);
    }

    /// Whether the deadline has passed, so that the guest is not to compute again.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Lanes {
    pub fn new(instances: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let most = cores.saturating_sub(1).max(1);
        Self { short: Lane::new(instances, most), long: Lane::new(most, most), lately: Lately::default() }
    }

    /// Runs a guest call to its end. The work ends by itself when its signs say that it is over. An error says that there
    /// was no thread for it.
    pub async fn run<T: Send + 'static>(
        &self,
        course: Course,
        work: impl Future<Output = T> + Send + 'static,
    ) -> std::io::Result<T> {
        let mut work: Work<T> = Box::pin(work);
        let lane = || self.lately.has(&course.business).then_some(&self.short);
        if let Some(output) = in_turns(lane, &course, &mut work, false).await {
            return Ok(output);
        }
        self.lately.note(&course.business);
        apart(self.long.clone(), course, work).await
    }
}

/// Lets the work compute, each time in a turn of the lane, if there is one. None when it has computed for long, unless it is to stay.
async fn in_turns<'l, T>(
    lane: impl Fn() -> Option<&'l Arc<Lane>>,
    course: &Course,
    work: &mut Work<T>,
    stay: bool,
) -> Option<T> {
    let Course { business, deadline, signs } = course;
    loop {
        let turn = match lane() {
            Some(lane) => timeout_at(*deadline, lane.turn(business)).await.ok(),
            None => None,
        };
        // Whoever got no turn in time is past its deadline too.
        if Instant::now() >= *deadline {
            signs.over.store(true, Ordering::Relaxed);
        }
        signs.begins();
        if let Poll::Ready(output) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
            return Some(output);
        }
        signs.pauses();
        drop(turn);
        if signs.ticked.swap(false, Ordering::Relaxed) && !stay {
            return None;
        }
        // Its time is looked at above.
        timeout_at(*deadline, woken()).await.ok();
    }
}

/// How long this thread has computed, in nanoseconds.
fn thread_time() -> u64 {
    let time = cpu_time::ThreadTime::try_now().map_or(Duration::ZERO, |time| time.as_duration());
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Ends when the task is woken.
async fn woken() {
    let mut slept = false;
    poll_fn(|_| if std::mem::replace(&mut slept, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Goes on in a thread of its own, until the end or until nobody wants to know any more. What the guest asks of the host
/// is done by the runtime as before.
async fn apart<T: Send + 'static>(lane: Arc<Lane>, course: Course, mut work: Work<T>) -> std::io::Result<T> {
    course.signs.apart.store(true, Ordering::Relaxed);
    let (mut sender, receiver) = oneshot::channel();
    let work = async move {
        let output = tokio::select! {
            biased;
            () = sender.closed() => return,
            output = in_turns(|| Some(&lane), &course, &mut work, true) => output,
        };
        if let Some(output) = output {
            sender.send(output).ok();
        }
    };
    let work = work.in_current_span().with_current_subscriber();
    let runtime = Handle::current();
    std::thread::Builder::new().name("guest".to_owned()).spawn(move || {
        step_back();
        runtime.block_on(work);
    })?;
    receiver.await.map_err(|_| std::io::Error::other("the thread broke off"))
}

/// Puts this thread after the host's others. On other systems niceness is the whole process's.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "a guest's thread keeps the niceness of the host");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let course = Course { business: business.into(), deadline: Instant::now() + deadline, signs: signs.clone() };
        (course, signs)
    }

    fn lanes(most: usize) -> Lanes {
        Lanes { short: Lane::new(100, most), long: Lane::new(most, most), lately: Lately::default() }
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
        let taken = lanes.long.turn(&"greedy".into()).await;
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
    async fn calls_of_a_business_that_computed_for_long_lately_leave_a_thread_to_others() {
        let lanes = lanes(1);
        let run = |business: &str, ticks| {
            let (course, signs) = course(business, LONG);
            lanes.run(course, computing(ticks, signs, Arc::default()))
        };
        let taken = lanes.short.turn(&"one".into()).await;
        assert_eq!(run("one", 0).await.unwrap(), Ok(()), "before, its calls need no turn");
        assert_eq!(run("one", 1).await.unwrap(), Ok(()));
        let mut next = std::pin::pin!(run("one", 0));
        tokio::select! {
            biased;
            _ = &mut next => panic!("its calls have a turn each now"),
            ended = run("other", 0) => assert_eq!(ended.unwrap(), Ok(())),
        }
        drop(taken);
        assert_eq!(next.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn a_guest_that_waits_for_its_turn_still_ends_at_its_deadline() {
        let lanes = lanes(1);
        for lane in [&lanes.long, &lanes.short] {
            let _taken = lane.turn(&"one".into()).await;
            let (course, signs) = course("one", Duration::from_millis(20));
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
        let _taken = lanes.long.turn(&"one".into()).await;
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
        drop(lanes.long.turn(&"one".into()).await);
    }
}
