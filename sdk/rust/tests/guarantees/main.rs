//! The SDK's guarantees for authors, in native tests.

mod capabilities;
mod contract;
mod rows;
