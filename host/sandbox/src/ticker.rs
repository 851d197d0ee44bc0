//! Looks at computing guests from a thread of its own, which a guest that computes on every other thread cannot stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;

use tokio::runtime::Handle;
use wasmtime::Engine;

/// So many ticks without a guest, and the ticker sleeps.
const PATIENCE: u32 = 100;
/// How often a sleeping ticker looks whether its engine is still there.
const SLEEP: Duration = Duration::from_secs(1);

/// Moves the epoch on while guests run. Ends with the engine.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    /// Guests that began to run, and that ended, since the start.
    begun: AtomicUsize,
    ended: AtomicUsize,
    sleeps: AtomicBool,
}

/// A guest that runs, until it is dropped.
pub(crate) struct Running(Arc<Shared>);

impl Ticker {
    pub fn start(engine: &Engine, tick: Duration) -> std::io::Result<Self> {
        let (shared, engine, runtime) = (Arc::<Shared>::default(), engine.weak(), Handle::try_current().ok());
        let ticking = shared.clone();
        let thread = std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            let (mut idle, mut begun_before) = (0, 0);
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                let begun = ticking.begun.load(Ordering::SeqCst);
                if begun == ticking.ended.load(Ordering::SeqCst) {
                    idle += 1;
                } else {
                    idle = 0;
                    // Where guests come and go, the threads are not asleep.
                    if begun == begun_before {
                        attend(runtime.as_ref());
                    }
                }
                begun_before = begun;
                if idle < PATIENCE {
                    std::thread::sleep(tick);
                } else {
                    ticking.sleep();
                }
            }
        })?;
        Ok(Self { shared, thread: thread.thread().clone() })
    }

    /// Notes that a guest runs, and wakes the ticker for it.
    pub fn running(&self) -> Running {
        self.shared.begun.fetch_add(1, Ordering::SeqCst);
        if self.shared.sleeps.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(self.shared.clone())
    }
}

impl Shared {
    fn sleep(&self) {
        self.sleeps.store(true, Ordering::SeqCst);
        // Looked at after it is known that it sleeps, so that no guest is missed.
        if self.begun.load(Ordering::SeqCst) == self.ended.load(Ordering::SeqCst) {
            std::thread::park_timeout(SLEEP);
        }
        self.sleeps.store(false, Ordering::SeqCst);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// Wakes a thread of the runtime, if one sleeps. The one that waited for sockets and timers may be computing for a guest, and
/// the runtime hands that duty to no other before it is done.
fn attend(runtime: Option<&Handle>) {
    if let Some(runtime) = runtime {
        runtime.spawn(async {});
    }
}
