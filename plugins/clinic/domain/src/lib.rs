//! What a clinic's desk knows: symptoms and how urgent they are, appointments, laboratory results, and who must look at
//! what. Plain functions over plain data; [`place`] alone looks at the context of a decision.
//!
//! Nothing here says what a patient has: symptoms are sorted by how soon a person must look, and a doctor has the last
//! word.

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
