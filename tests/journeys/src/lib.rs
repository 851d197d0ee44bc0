//! End-to-end tests with the real host process, real sockets, real files and real guests. They are in
//! `tests/journeys.rs`, one binary for all; this library is empty because a crate needs one.
