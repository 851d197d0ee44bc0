//! People on every host: what one host decides reaches the people who are connected to another.
//!
//! [`presence`] finds out which other hosts share the store. As long as there are any, each host announces its changes
//! in the store's change feed, by the write that stores them. [`follower`] reads the feed and sends what is new to its
//! own connected people: correctness depends on nothing else. [`fan_out`] tells the other hosts of a change over Kafka
//! at once, so that they need not wait for their next look at the feed.
//! See `docs/decisions/0019-hosts-follow-a-change-feed.md`.

mod config;
mod fan_out;
mod follower;
mod handled;
mod presence;
mod push;

pub use config::HostsConfig;
pub use fan_out::{FanOut, FanOutReader, FanOutSender, FanOutState};
pub use follower::Follower;
pub(crate) use handled::HandledChanges;
pub use presence::{Neighbours, Presence};
