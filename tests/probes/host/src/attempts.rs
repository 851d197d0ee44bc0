//! Every hostile attempt, in one table: tests run it, and `cargo xtask containment` measures beside it.

mod guests;
mod raw;
mod refused;

use std::borrow::Cow;
use std::time::Duration;

pub use guests::PRIVATE;
pub(crate) use raw::raw_attempts;

use crate::attempt::{Attempt, Way};

/// All attempts.
pub fn attempts() -> Vec<Attempt> {
    let by_hand = raw_attempts().into_iter().map(|raw| Attempt {
        name: Cow::Borrowed(raw.name),
        tries: raw.tries,
        word: raw.word,
        memory: raw.memory,
        deadline: Duration::from_secs(10),
        way: Way::Message { business: "raw" },
    });
    by_hand.chain(guests::attempts()).chain(refused::attempts()).collect()
}
