//! The host side of the probes is in `tests/probes.rs`; this library is empty because a crate needs one.
