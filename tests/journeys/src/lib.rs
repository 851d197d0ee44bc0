//! Journeys: the real host process, real sockets, real files, real guests. They are in `tests/journeys.rs`, one binary
//! for all; this library is empty because a crate needs one.
