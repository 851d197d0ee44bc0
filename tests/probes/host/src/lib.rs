//! The host side of the probes: guests of `tests/probes` in the real sandbox and executor, in process, and the table of
//! all hostile attempts. Tests run it, and `cargo xtask containment` measures beside it.

pub mod arena;
pub mod attempt;
pub mod attempts;
pub mod components;
pub mod loading;
pub mod raw;
pub mod world;
