//! The rules of a clinic's desk: symptoms and their urgency, appointments, laboratory results, and which of them a
//! doctor must see. Plain functions over plain data; only [`place`] reads the context of a decision.
//!
//! The rules make no diagnosis: they sort symptoms by how soon a person must look, and a doctor decides.

pub mod appointments;
pub mod channels;
pub mod intent;
pub mod notices;
pub mod place;
pub mod request;
pub mod results;
pub mod symptoms;
pub mod triage;

pub use everyday::{calendar, hours, language, text, zone};
