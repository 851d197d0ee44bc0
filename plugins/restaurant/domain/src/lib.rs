//! The rules of a restaurant's chat: language, intents, days and times, opening hours, tables, menu, complaints. Plain
//! functions over plain data, so that every node is a few lines and every rule has its own tests; only [`place`] reads
//! the context of a decision.

pub mod booking;
pub mod channels;
pub mod complaint;
pub mod intent;
pub mod menu;
pub mod party;
pub mod place;
pub mod portal;
pub mod pos;
pub mod summary;
pub mod tables;

pub use everyday::{calendar, hours, language, text, zone};
