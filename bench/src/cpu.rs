use std::time::Duration;

use cpu_time::ProcessTime;

/// What all threads of this process have computed.
pub fn cpu_time() -> Duration {
    ProcessTime::try_now().map_or(Duration::ZERO, |time| time.as_duration())
}
