//! What the SDK promises an author, natively.

mod capabilities;
mod contract;
mod rows;
