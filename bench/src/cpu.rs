use std::time::Duration;

use cpu_time::ProcessTime;

/// The processor time that all threads of this process have used.
pub fn cpu_time() -> Duration {
    ProcessTime::try_now().map_or(Duration::ZERO, |time| time.as_duration())
}
