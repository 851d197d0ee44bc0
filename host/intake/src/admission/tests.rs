use futures_util::FutureExt as _;
use proptest::prelude::*;
use signalbox_model::HumanDuration;

use super::*;

fn admission(change: impl FnOnce(&mut IntakeConfig)) -> Arc<Admission> {
    let mut config = IntakeConfig { in_flight: 1, ..IntakeConfig::default() };
    change(&mut config);
    Arc::new(Admission::new(&config))
}

fn enter(admission: &Arc<Admission>, business: &str) -> AdmissionEntry {
    admission.enter(Requester::new(business, None), MaxWait::Configured).unwrap()
}

fn try_admit(admission: &Arc<Admission>) -> Option<AdmissionPermit> {
    match enter(admission, "probe") {
        AdmissionEntry::Admitted(permit) => Some(permit),
        AdmissionEntry::Queued(_) => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_waits_too_long_is_told_when_to_retry() {
    let admission = admission(|config| config.admission_wait = HumanDuration::secs(1));
    let _held = try_admit(&admission).unwrap();
    let waiting = Instant::now();
    let Err(IntakeError::Busy { retry_after }) = enter(&admission, "b").permit().await else { panic!("there is none") };
    assert_eq!(waiting.elapsed().as_secs(), 1);
    let (least, most) = (Duration::from_millis(500), Duration::from_millis(625));
    assert!(retry_after >= least && retry_after <= most, "{retry_after:?}");
}

#[tokio::test(start_paused = true)]
async fn stored_inputs_wait_without_a_time_limit() {
    let admission = admission(|_| {});
    let held = try_admit(&admission).unwrap();
    let stored = admission.enter(Requester::new("b", None), MaxWait::Unlimited).unwrap();
    let waiting = tokio::spawn(stored.permit());
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert!(!waiting.is_finished());
    drop(held);
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_permit_granted_to_a_cancelled_waiter_goes_to_the_next() {
    let admission = admission(|_| {});
    let held = try_admit(&admission).unwrap();
    let (gone, next) = (enter(&admission, "a"), enter(&admission, "b"));
    // The permit is sent to the first waiter, whose future has not been polled since.
    drop(held);
    assert!(try_admit(&admission).is_none(), "it is taken");
    drop(gone);
    let permit = next.permit().now_or_never().expect("it is handed on at once").unwrap();
    drop(permit);
    assert!(try_admit(&admission).is_some());
}

#[tokio::test]
async fn a_cancelled_waiter_leaves_the_queue() {
    let admission = admission(|config| config.waiting = 1);
    let held = try_admit(&admission).unwrap();
    let mut waiting = Box::pin(enter(&admission, "a").permit());
    assert!((&mut waiting).now_or_never().is_none());
    assert!(admission.enter(Requester::new("b", None), MaxWait::Configured).is_err(), "the queue is full");
    drop(waiting);
    let next = enter(&admission, "b");
    drop(held);
    next.permit().now_or_never().unwrap().unwrap();
}

#[tokio::test]
async fn closing_refuses_every_waiter_and_every_new_input() {
    let admission = admission(|_| {});
    let held = try_admit(&admission).unwrap();
    let short = enter(&admission, "a");
    let stored = admission.enter(Requester::new("b", None), MaxWait::Unlimited).unwrap();
    admission.close();
    assert!(matches!(short.permit().await, Err(IntakeError::Draining)));
    assert!(matches!(stored.permit().await, Err(IntakeError::Draining)));
    drop(held);
    let refused = admission.enter(Requester::new("c", None), MaxWait::Configured);
    assert!(matches!(refused, Err(IntakeError::Draining)), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn the_retry_delay_grows_with_the_queue_within_bounds() {
    let admission = admission(|config| {
        config.waiting = 4;
        config.waiting_per_business = 4;
    });
    let mut held = try_admit(&admission).unwrap();
    let [first, second, third] = [(); 3].map(|()| enter(&admission, "a"));
    for next in [first, second] {
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(held);
        held = next.permit().await.unwrap();
    }
    let queued: Vec<_> = [third].into_iter().chain((0..3).map(|_| enter(&admission, "a"))).collect();
    let Err(IntakeError::Busy { retry_after }) = admission.enter(Requester::new("a", None), MaxWait::Configured) else {
        panic!("the queue is full")
    };
    let (least, most) = (Duration::from_secs(10), Duration::from_millis(12_500));
    assert!(retry_after >= least && retry_after <= most, "five, two seconds each: {retry_after:?}");
    drop((held, queued));
}

/// The steps of a random run.
#[derive(Clone, Debug)]
enum Step {
    Enter { business: usize, unlimited: bool },
    Poll(prop::sample::Index),
    Drop(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_usize, any::<bool>()).prop_map(|(business, unlimited)| Step::Enter { business, unlimited }),
        2 => any::<prop::sample::Index>().prop_map(Step::Poll),
        2 => any::<prop::sample::Index>().prop_map(Step::Drop),
    ]
}

proptest! {
    #[test]
    fn no_permit_is_lost_when_waiters_are_cancelled_concurrently(
        in_flight in 1_usize..4,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let admission = admission(|config| {
            config.in_flight = in_flight;
            config.in_flight_per_business = 2;
            config.waiting = 4;
            config.waiting_per_business = 3;
        });
        type PermitFuture = std::pin::Pin<Box<dyn Future<Output = Result<AdmissionPermit, IntakeError>>>>;
        let mut waiting: Vec<PermitFuture> = Vec::new();
        let mut held: Vec<AdmissionPermit> = Vec::new();
        for step in steps {
            match step {
                Step::Enter { business, unlimited } => {
                    let max_wait = if unlimited { MaxWait::Unlimited } else { MaxWait::Configured };
                    if let Ok(entry) = admission.enter(Requester::new(&format!("b{business}"), None), max_wait) {
                        waiting.push(Box::pin(entry.permit()));
                    }
                }
                Step::Poll(index) if !waiting.is_empty() => {
                    let index = index.index(waiting.len());
                    if let Some(result) = waiting[index].as_mut().now_or_never() {
                        drop(waiting.swap_remove(index));
                        held.extend(result.ok());
                    }
                }
                // Drops a permit or a place in the queue.
                Step::Drop(index) if waiting.len() + held.len() > 0 => {
                    let index = index.index(waiting.len() + held.len());
                    if index < waiting.len() {
                        drop(waiting.swap_remove(index));
                    } else {
                        drop(held.swap_remove(index - waiting.len()));
                    }
                }
                Step::Poll(_) | Step::Drop(_) => {}
            }
            prop_assert!(held.len() <= in_flight);
        }
        drop((waiting, held));
        let all: Vec<_> = (0..in_flight).map(|number| admission.enter(Requester::new(&format!("c{number}"), None), MaxWait::Configured)).collect();
        prop_assert!(all.iter().all(|entry| matches!(entry, Ok(AdmissionEntry::Admitted(_)))), "{:?}", all);
    }
}
