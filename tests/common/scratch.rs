//! The command in a directory of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::place;

/// A directory with a workspace, `w.json`, in it.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str, workspace: &Value) -> Self {
        let path = place::scratch().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let scratch = Self(path);
        scratch.write("w.json", &workspace.to_string());
        scratch
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    /// `line` is cut at white space.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(place::binary());
        command.current_dir(&self.0).args(line.split_whitespace()).stdin(Stdio::null());
        // what is kept of a machine's devices stays here
        command.env("XDG_CACHE_HOME", &self.0).env("HOME", &self.0).env("LOCALAPPDATA", &self.0);
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Standard output of a command that ends well.
    #[track_caller]
    pub(crate) fn text(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.text(line)).unwrap()
    }

    /// Exit code and message of a command that does not.
    #[track_caller]
    pub(crate) fn error(&self, line: &str) -> (i32, String) {
        let output = self.run(line);
        let message = stderr(&output);
        assert!(
            !message.contains("panicked") && !message.contains("mistake in neyman"),
            "{message}"
        );
        (output.status.code().unwrap(), message)
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
