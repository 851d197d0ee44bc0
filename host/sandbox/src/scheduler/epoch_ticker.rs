//! A separate thread moves the epoch on, so that guests that occupy every other thread cannot prevent it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;

use tokio::runtime::Handle;
use wasmtime::Engine;

/// After this many ticks without a guest the ticker sleeps.
const IDLE_TICKS: u32 = 100;
/// How often a sleeping ticker checks whether its engine still exists.
const SLEEP: Duration = Duration::from_secs(1);

/// Moves the epoch of an engine on while guests run. Ends with the engine.
pub(crate) struct EpochTicker {
    guests: Arc<GuestCount>,
    thread: Thread,
}

#[derive(Default)]
struct GuestCount {
    /// How many guests have begun, and how many have ended, since the start.
    begun: AtomicUsize,
    ended: AtomicUsize,
    is_ticker_asleep: AtomicBool,
}

/// Counts a guest as running until it is dropped.
pub(crate) struct ActiveGuest(Arc<GuestCount>);

impl EpochTicker {
    pub fn start(engine: &Engine, tick: Duration) -> std::io::Result<Self> {
        let (guests, engine, runtime) = (Arc::<GuestCount>::default(), engine.weak(), Handle::try_current().ok());
        let counted = guests.clone();
        let thread = std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            let (mut idle_ticks, mut begun_before) = (0, 0);
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                let begun = counted.begun.load(Ordering::SeqCst);
                if begun == counted.ended.load(Ordering::SeqCst) {
                    idle_ticks += 1;
                } else {
                    idle_ticks = 0;
                    // When guests begin and end, the threads of the runtime are awake.
                    if begun == begun_before {
                        wake_a_thread(runtime.as_ref());
                    }
                }
                begun_before = begun;
                if idle_ticks < IDLE_TICKS {
                    std::thread::sleep(tick);
                } else {
                    counted.sleep();
                }
            }
        })?;
        Ok(Self { guests, thread: thread.thread().clone() })
    }

    /// Notes that a guest runs, and wakes the ticker.
    pub fn begin(&self) -> ActiveGuest {
        self.guests.begun.fetch_add(1, Ordering::SeqCst);
        if self.guests.is_ticker_asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        ActiveGuest(self.guests.clone())
    }
}

impl GuestCount {
    fn sleep(&self) {
        self.is_ticker_asleep.store(true, Ordering::SeqCst);
        // The counts are read after the flag is set, so that a guest that begins meanwhile is not missed.
        if self.begun.load(Ordering::SeqCst) == self.ended.load(Ordering::SeqCst) {
            std::thread::park_timeout(SLEEP);
        }
        self.is_ticker_asleep.store(false, Ordering::SeqCst);
    }
}

impl Drop for ActiveGuest {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// Wakes a thread of the runtime, if one sleeps. The thread that waited for sockets and timers may now be computing for
/// a guest, and the runtime passes that duty to no other thread before the guest yields.
fn wake_a_thread(runtime: Option<&Handle>) {
    if let Some(runtime) = runtime {
        runtime.spawn(async {});
    }
}
