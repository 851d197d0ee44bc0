use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use super::*;
use crate::SandboxConfig;

/// Computes for so many ticks, and notes how many calls do so at the same time.
async fn computing(ticks: u32, state: Arc<CallState>, at_once: Arc<[AtomicUsize; 2]>) -> Result<(), &'static str> {
    let [now, most] = &*at_once;
    for _ in 0..ticks {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Lets other calls compute, if they may.
        (0..10).for_each(|_| std::thread::yield_now());
        now.fetch_sub(1, Ordering::SeqCst);
        state.preempt();
        tokio::task::yield_now().await;
        if state.is_expired() {
            return Err("over");
        }
    }
    Ok(())
}

fn call(business: &str, deadline: Duration) -> (ScheduledCall, Arc<CallState>) {
    let state = Arc::new(CallState::default());
    let caller = BusinessPlugin { business: business.into(), plugin: "plugin".into() };
    let call = ScheduledCall {
        caller,
        deadline: Instant::now() + deadline,
        tick: SandboxConfig::default().tick,
        state: state.clone(),
    };
    (call, state)
}

const LONG: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_guests_compute_long_at_once_than_leave_a_core() {
    let (scheduler, at_once) = (Scheduler::with_permits(1), Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]));
    let runs = (0..20).map(|_| {
        let (call, state) = call("one", LONG);
        scheduler.run(call, computing(50, state, at_once.clone()))
    });
    for ended in futures(runs).await {
        assert_eq!(ended.unwrap(), Ok(()));
    }
    // One more call is in its first tick.
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
async fn a_short_call_is_answered_while_every_permit_of_the_background_is_taken() {
    let scheduler = Scheduler::with_permits(1);
    let taken = scheduler.low_permits.acquire(&"greedy".into()).await;
    let (long, long_state) = call("greedy", LONG);
    let mut long = std::pin::pin!(scheduler.run(long, computing(2, long_state, Arc::default())));
    let (short, _) = call("neighbour", LONG);
    let answer = tokio::select! {
        biased;
        _ = &mut long => panic!("it has no permit"),
        answer = scheduler.run(short, async { "answer" }) => answer,
    };
    assert_eq!(answer.unwrap(), "answer");
    drop(taken);
    assert_eq!(long.await.unwrap(), Ok(()), "and the other goes on as soon as it may");
}

#[tokio::test]
async fn calls_of_a_plugin_that_lately_computed_for_long_begin_in_the_background() {
    let scheduler = Scheduler::with_permits(1);
    let run = |business: &str, ticks| {
        let (call, state) = call(business, LONG);
        scheduler.run(call, computing(ticks, state, Arc::default()))
    };
    let taken = scheduler.idle_permits.acquire(&"one".into()).await;
    for _ in 0..3 {
        assert_eq!(run("one", 1).await.unwrap(), Ok(()), "the first ones have their share of a core");
    }
    let mut next = std::pin::pin!(run("one", 0));
    tokio::select! {
        biased;
        _ = &mut next => panic!("its calls wait for a permit now"),
        ended = run("other", 0) => assert_eq!(ended.unwrap(), Ok(())),
    }
    drop(taken);
    assert_eq!(next.await.unwrap(), Ok(()));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_guest_that_starves_with_idle_priority_goes_on_with_low_priority() {
    fn policy() -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        stat.rsplit(')').next().unwrap().split_whitespace().nth(38).unwrap().to_owned()
    }
    let (scheduler, (call, state)) = (Scheduler::with_permits(1), call("one", LONG));
    (0..3).for_each(|_| scheduler.history.record(&call.caller, true));
    let work = async move {
        let before = policy();
        // Simulates that other threads have the core.
        std::thread::sleep(2 * STARVATION);
        state.preempt();
        tokio::task::yield_now().await;
        (before, policy())
    };
    let (before, after) = scheduler.run(call, work).await.unwrap();
    assert_eq!((&*before, &*after), ("5", "0"), "SCHED_IDLE, and then as others");
}

#[tokio::test]
async fn a_guest_that_waits_for_a_permit_still_ends_at_its_deadline() {
    let scheduler = Scheduler::with_permits(1);
    let _taken =
        (scheduler.low_permits.acquire(&"one".into()).await, scheduler.idle_permits.acquire(&"one".into()).await);
    for heavy in [false, true] {
        let (call, state) = call("one", Duration::from_millis(20));
        (0..3).filter(|_| heavy).for_each(|_| scheduler.history.record(&call.caller, true));
        assert_eq!(scheduler.history.is_mostly_long(&call.caller), heavy);
        assert!(scheduler.run(call, ending(state)).await.unwrap().is_err());
    }
}

/// Like a guest call: computes only while its deadline has not passed.
async fn ending(state: Arc<CallState>) -> Result<(), &'static str> {
    if state.is_expired() {
        return Err("over");
    }
    computing(u32::MAX, state, Arc::default()).await
}

#[tokio::test]
async fn a_guest_that_waited_for_the_host_stays_in_the_foreground_and_is_charged_for_what_it_computed() {
    let scheduler = Scheduler::with_permits(1);
    let _taken = scheduler.low_permits.acquire(&"one".into()).await;
    let (call, state) = call("one", LONG);
    let work = async move {
        let began = cpu_meter::thread_cpu_time();
        while cpu_meter::thread_cpu_time() - began < 1_000_000 {}
        tokio::task::yield_now().await;
        (state.cpu.take_uncharged(), state.cpu.take_uncharged())
    };
    let (spent, again) = scheduler.run(call, work).await.unwrap();
    assert!(spent >= Duration::from_millis(1), "{spent:?}");
    assert_eq!(again, Duration::ZERO, "once");
}

#[tokio::test]
async fn a_guest_that_nobody_waits_for_any_more_is_dropped() {
    let scheduler = Scheduler::with_permits(1);
    let (call, state) = call("one", LONG);
    let (kept, gone) = oneshot::channel::<()>();
    let work = async move {
        let _kept = kept;
        computing(u32::MAX, state, Arc::default()).await
    };
    {
        let run = std::pin::pin!(scheduler.run(call, work));
        tokio::select! { biased; _ = run => panic!("it computes without end"), () = tokio::task::yield_now() => {} }
    }
    assert!(gone.await.is_err());
    drop(scheduler.low_permits.acquire(&"one".into()).await);
}
