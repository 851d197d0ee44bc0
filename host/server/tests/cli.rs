//! The program as an operator meets it: the built binary, its output and its exit codes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod cli {
    mod check;
    mod compile;
    mod configuration;
    mod cron;
    mod decisions;
    mod effects;
    mod help;
    mod models;
    mod program;
    mod review;
    mod schema;
    mod send;
    mod serve;
    mod token;
}
