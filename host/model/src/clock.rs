use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// The longest wait between two looks at the clock, because the clock may be set and the machine may sleep.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The clock from which triggers read the time. Tests use their own.
#[derive(Clone)]
pub struct Clock {
    read: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    moved: Option<watch::Receiver<Timestamp>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::from_fn(Timestamp::now)
    }

    /// A clock that calls `read`.
    pub fn from_fn(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), moved: None }
    }

    /// A clock that stands still until its sender moves it. A task that waits for a moment goes on when the clock is
    /// moved there.
    pub fn from_watch(moved: watch::Receiver<Timestamp>) -> Self {
        let reader = moved.clone();
        Self { read: Arc::new(move || *reader.borrow()), moved: Some(moved) }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.read)()
    }

    /// Returns once this clock shows `until` or later.
    pub async fn sleep_until(&self, until: Timestamp) {
        if let Some(mut moved) = self.moved.clone() {
            if moved.wait_for(|now| *now >= until).await.is_err() {
                // The sender is gone, so the clock will never move again.
                std::future::pending::<()>().await;
            }
            return;
        }
        while let Ok(left) = Duration::try_from(until.duration_since(self.now())) {
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK_AGAIN)).await;
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
