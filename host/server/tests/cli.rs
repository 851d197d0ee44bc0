//! The program as an operator meets it: the built binary, its output and its exit codes.

mod cli {
    mod check;
    mod configuration;
    mod decisions;
    mod help;
    mod program;
    mod serve;
    mod token;
}
