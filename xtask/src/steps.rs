//! Runs named steps and shows their names and times.

use std::time::{Duration, Instant};

use anyhow::Result;

/// The steps of one task, and their results.
pub struct Steps {
    started: Instant,
    total: usize,
    begun: usize,
    pub failed: Vec<String>,
}

impl Steps {
    pub fn new(total: usize) -> Self {
        Self { started: Instant::now(), total, begun: 0, failed: Vec::new() }
    }

    /// Runs one step. A failure is printed and kept, and returned for a task that cannot go on.
    pub fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        self.begun += 1;
        println!("\n==> {}/{} {name}", self.begun, self.total);
        let started = Instant::now();
        let result = step();
        match &result {
            Ok(_) => println!("    {name}: done in {}", elapsed(started.elapsed())),
            Err(error) => {
                println!("    {name}: FAILED after {}: {error:#}", elapsed(started.elapsed()));
                self.failed.push(name.to_owned());
            }
        }
        result
    }

    /// Runs one step of a task that goes on after a failure.
    pub fn attempt(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        if self.run(name, step).is_err() {
            // `run` has printed and kept the error.
        }
    }

    pub fn passed(&self) -> usize {
        self.begun - self.failed.len()
    }

    pub fn elapsed(&self) -> String {
        elapsed(self.started.elapsed())
    }
}

fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_counted_and_named() {
        let mut steps = Steps::new(2);
        steps.run("one", || Ok(())).unwrap();
        steps.run("two", || -> Result<()> { anyhow::bail!("no") }).unwrap_err();
        assert_eq!((steps.passed(), steps.failed), (1, vec!["two".to_owned()]));
    }

    #[test]
    fn times_read_naturally() {
        assert_eq!(elapsed(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(elapsed(Duration::from_secs(42)), "42 s");
        assert_eq!(elapsed(Duration::from_secs(185)), "3 min 5 s");
    }
}
