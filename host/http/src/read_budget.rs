//! How many bytes may still be read from a connection. HTTP limits the size of heads and bodies. A WebSocket message
//! ends only when its sender says so: empty fragments never reach the limit of a message's size, so the bytes that the
//! connection reads are limited too.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

use crate::inspected_stream::StreamInspector;

/// The bytes that may still be read from one connection; unlimited until [`ReadBudget::set`] is called. Clones share
/// the budget.
#[derive(Clone, Debug)]
pub struct ReadBudget(Arc<AtomicU64>);

/// The error of a read beyond the budget, inside an [`io::Error`].
#[derive(Debug, Error)]
#[error("the client sent more than it may without ending a message")]
pub struct ReadBudgetExceeded;

const UNLIMITED: u64 = u64::MAX;

impl Default for ReadBudget {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(UNLIMITED)))
    }
}

impl ReadBudget {
    /// Replaces the budget. `u64::MAX` is unlimited.
    pub fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// Adds bytes to the budget, up to `max`.
    pub fn add(&self, bytes: u64, max: u64) {
        let increase = |remaining: u64| Some(remaining.saturating_add(bytes).min(max));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, increase);
    }

    fn consume(&self, bytes: u64) -> Result<(), ReadBudgetExceeded> {
        let decrease = |remaining: u64| {
            if remaining == UNLIMITED { Some(UNLIMITED) } else { remaining.checked_sub(bytes) }
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, decrease).map(drop).map_err(|_| ReadBudgetExceeded)
    }
}

impl StreamInspector for ReadBudget {
    fn inspect(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.consume(bytes.len() as u64).map_err(io::Error::other)?;
        Ok(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::inspected_stream::InspectedStream;

    #[tokio::test]
    async fn a_read_beyond_the_budget_fails_and_one_within_a_larger_budget_succeeds() {
        let budget = ReadBudget::default();
        let mut stream = InspectedStream::new([1_u8; 64].as_slice(), budget.clone());
        let mut chunk = [0; 8];
        stream.read_exact(&mut chunk).await.unwrap();
        budget.set(8);
        stream.read_exact(&mut chunk).await.unwrap();
        let error = stream.read_exact(&mut chunk).await.unwrap_err();
        assert!(error.get_ref().is_some_and(|inner| inner.is::<ReadBudgetExceeded>()), "{error}");
        budget.add(100, 9);
        stream.read_exact(&mut chunk).await.unwrap();
        assert!(stream.read_exact(&mut chunk).await.is_err());
    }
}
