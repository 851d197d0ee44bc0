use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::DEADLINE;

/// The log of a host process, line by line, over all of its starts.
#[derive(Clone, Debug)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    grown: watch::Sender<usize>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { lines: Arc::default(), grown: watch::Sender::new(0) }
    }

    /// Follows a process's output until the process closes it.
    pub(crate) fn follow(&self, output: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<()> {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut kept = log.lines.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push(line);
                log.grown.send_replace(kept.len());
            }
        })
    }

    /// Every line so far, unchanged.
    pub fn text(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every line so far that is JSON.
    pub fn lines(&self) -> Vec<Value> {
        self.text().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The first line that fits; waits until there is one.
    pub async fn wait_for(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut grown = self.grown.subscribe();
        let found = timeout(DEADLINE, async {
            loop {
                grown.borrow_and_update();
                if let Some(line) = self.lines().into_iter().find(&fits) {
                    return line;
                }
                if grown.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        });
        found.await.with_context(|| format!("no log line {what}; the last ones are\n{}", self.tail()))
    }

    pub(crate) fn tail(&self) -> String {
        let lines = self.text();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }
}
