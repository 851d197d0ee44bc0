//! What has to be on the machine before anything is built: a build that lacks it would say so late and in other words.

use std::env;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// A tool, the variable that names another one in its place, and what it is for.
const TOOLS: [(&str, &str, &str); 3] = [
    ("cc", "CC", "a C compiler, for SQLite, the cryptography and more"),
    ("c++", "CXX", "a C++ compiler, for the Kafka client"),
    ("make", "MAKE", "make, for the Kafka client"),
];

/// Names everything that is missing, and how to get it.
pub fn check() -> Result<()> {
    let missing: Vec<_> = TOOLS.iter().filter(|(tool, variable, _)| !answers(tool, variable)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<_> = missing.iter().map(|(tool, _, what)| format!("`{tool}` ({what})")).collect();
    bail!(
        "missing on this machine: {}; install a compiler's basic set, on Debian and Ubuntu `apt-get install \
         build-essential`, on macOS `xcode-select --install`",
        missing.join(", ")
    )
}

fn answers(tool: &str, variable: &str) -> bool {
    let program = env::var(variable).unwrap_or_else(|_| tool.to_owned());
    let mut words = program.split_whitespace();
    let Some(name) = words.next() else { return false };
    let mut command = Command::new(name);
    command.args(words).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_there_does_not_answer() {
        assert!(answers("cc", "SIGNALBOX_TEST_NO_SUCH_VARIABLE"));
        assert!(!answers("no-such-compiler", "SIGNALBOX_TEST_NO_SUCH_VARIABLE"));
    }
}
