//! Checks that the tools for a build are installed: without them a build would fail late, with a less helpful error.

use std::env;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// A tool, the variable that names another one in its place, and the tool's purpose.
const TOOLS: [(&str, &str, &str); 3] = [
    ("cc", "CC", "a C compiler, for SQLite, the cryptography and more"),
    ("c++", "CXX", "a C++ compiler, for the Kafka client"),
    ("make", "MAKE", "make, for the Kafka client"),
];

/// Names every missing tool, and how to get it.
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
