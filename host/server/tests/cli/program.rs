use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A bundle's manifest without a mistake.
pub const MANIFEST: &str = r#"[bundle]
business-type = "restaurant"
version = "1.0.0"

[inputs.websocket]

[plugins.answer]
component = "answer.wasm"

[graph.channels]
intent = "last"

[graph.nodes.classify]
plugin = "answer"
writes = ["intent"]
[graph.nodes.reply]
plugin = "answer"
reads = ["intent"]

[[graph.edges]]
from = "start"
to = "classify"
[[graph.edges]]
from = "classify"
to = "reply"
when = 'state.intent == "book"'
[[graph.edges]]
from = "classify"
to = "end"
otherwise = true
[[graph.edges]]
from = "reply"
to = "end"
"#;

/// A folder to run the program in.
pub struct Program {
    folder: TempDir,
}

/// The output and exit code of a run.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Program {
    /// With this configuration, a secret of 32 bytes in the file `secret`, and an empty business directory.
    pub fn new(configuration: &str) -> Self {
        let program = Self { folder: tempfile::tempdir().unwrap() };
        program.write("signalbox.toml", configuration);
        program.write("secret", "0123456789abcdef0123456789abcdef\n");
        std::fs::create_dir(program.path("business")).unwrap();
        program
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The program, in the folder and without the variables of this process's environment that it would read.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_signalbox")));
        command.args(arguments).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SIGNALBOX_")) {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// Checks that the program failed, and that its report contains every one of these texts.
    #[track_caller]
    pub fn refused(&self, expected: &[&str]) {
        assert_eq!(self.code, 1, "{}\n{}", self.out, self.err);
        for text in expected {
            assert!(self.err.contains(text), "{text} is missing in\n{}", self.err);
        }
    }
}
