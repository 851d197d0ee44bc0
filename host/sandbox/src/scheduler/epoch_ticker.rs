//! A thread of its own moves the epoch on: guests that compute on every other thread cannot keep it from doing so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;

use tokio::runtime::Handle;
use wasmtime::Engine;

/// After so many ticks without a guest the ticker sleeps.
const IDLE_TICKS: u32 = 100;
/// How often a sleeping ticker looks whether its engine is still there.
const SLEEP: Duration = Duration::from_secs(1);

/// Moves the epoch of an engine on while guests run. Ends with the engine.
pub(crate) struct EpochTicker {
    guests: Arc<GuestCount>,
    thread: Thread,
}

#[derive(Default)]
struct GuestCount {
    /// Guests that began, and that ended, since the start.
    begun: AtomicUsize,
    ended: AtomicUsize,
    is_ticker_asleep: AtomicBool,
}

/// A guest that runs, until it is dropped.
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
                    // Where guests come and go, the threads of the runtime are not asleep.
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

    /// Notes that a guest runs, and wakes the ticker for it.
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
        // The counts are read after the flag is set, so that no guest that begins meanwhile is missed.
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

/// Wakes a thread of the runtime, if one sleeps. The thread that waited for sockets and timers may be computing for a
/// guest, and the runtime hands that duty to no other thread before the guest yields.
fn wake_a_thread(runtime: Option<&Handle>) {
    if let Some(runtime) = runtime {
        runtime.spawn(async {});
    }
}
