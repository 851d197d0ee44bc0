//! Limits by key: how many of something one business, address or user may have at a time, how often it may ask, and in
//! which order waiters are served.
//!
//! | type | question | a request that finds no room |
//! | --- | --- | --- |
//! | [`ConcurrencyLimit`] | how many at a time? | is refused |
//! | [`FairSemaphore`] | how many at a time? | waits, served round robin over the keys |
//! | [`FairQueue`] | who is next? | is refused, or evicts the newest item of the longest queue |
//! | [`RateLimiter`] | how many per second? | is refused, and told when to come back |
//!
//! Every type takes any key that can be hashed and cloned, and holds memory only for keys that hold something, wait for
//! it, or asked for it a short time ago. [`KeyedCounts`] and [`FairQueue`] are plain data without lock, clock or task,
//! for code that combines several limits under one lock; the other types are built of them, are cheap to clone, and may
//! be shared between threads.

mod concurrency_limit;
mod fair_queue;
mod fair_semaphore;
mod keyed_counts;
mod rate_limiter;

pub use concurrency_limit::{ConcurrencyLimit, ConcurrencyPermit};
pub use fair_queue::{FairQueue, PushedItem, QueueFull, QueueTicket};
pub use fair_semaphore::{FairPermit, FairSemaphore};
pub use keyed_counts::{KeyedCounts, LimitReached};
pub use rate_limiter::RateLimiter;
