//! Errors on their way to the user: one or two lines and an exit code.

use std::path::Path;

use neyman::Error;

use super::{Exit, output};

/// Why a command ends early.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    /// Empty where there is nobody to tell.
    message: String,
    hint: Option<String>,
    /// JSON pointer to the place in the input.
    path: Option<String>,
}

impl Failure {
    /// Wrong usage that only shows once files are read.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hint: None, path: None }
    }

    /// Bad input.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self { exit: Exit::Input, message: message.into(), hint: None, path: None }
    }

    /// A file cannot be written.
    #[cfg(feature = "parquet")]
    pub(crate) fn files(message: impl Into<String>) -> Self {
        Self { exit: Exit::Files, message: message.into(), hint: None, path: None }
    }

    /// The reader of our output is gone (`| head`): not an error.
    pub(crate) fn quiet() -> Self {
        Self { exit: Exit::Success, message: String::new(), hint: None, path: None }
    }

    /// `error` concerns the contents of `file`.
    pub(crate) fn in_file(file: &Path, error: Error) -> Self {
        let own_place = error.is_io() || error.is_device();
        let mut failure = Self::from(error);
        if !own_place {
            failure.message = format!("{}: {}", display_file(file), failure.message);
        }
        failure
    }

    /// With a second line that says what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The message alone.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// JSON pointer to the place in the input.
    pub(crate) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The input is at fault.
    pub(crate) fn is_input(&self) -> bool {
        self.exit == Exit::Input
    }

    /// Prints the message and gives the exit code.
    pub(crate) fn tell(self) -> Exit {
        if !self.message.is_empty() {
            output::note(&format!("error: {}", one_line(&self.message)));
        }
        if let Some(hint) = self.hint {
            output::note(&format!("hint: {}", one_line(&hint)));
        }
        self.exit
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = if error.is_device() {
            Exit::Device
        } else if error.is_io() {
            Exit::Files
        } else if error.is_convergence() {
            Exit::NotConverged
        } else {
            Exit::Input
        };
        let path = match &error {
            Error::Specification { path, .. } => Some(path.clone()),
            _ => None,
        };
        Self { exit, message: error.to_string(), hint: None, path }
    }
}

/// How a file is called in messages.
pub(crate) fn display_file(file: &Path) -> String {
    if file.as_os_str() == "-" { "stdin".into() } else { file.display().to_string() }
}

/// Texts from files may hold anything: control characters must not reach the terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().flat_map(escape).collect()
}

/// Control and direction-changing characters as `\u{..}`, everything else as it is.
pub(crate) fn escape(c: char) -> impl Iterator<Item = char> {
    let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let escaped = c.is_control() || invisible;
    let code = escaped.then(|| c.escape_default());
    code.into_iter().flatten().chain((!escaped).then_some(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_get_through() {
        assert_eq!(one_line("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(one_line("é\u{202e}"), "é\\u{202e}");
    }

    #[test]
    fn files_are_named_once() {
        let error = Error::specification("/channels/0", "no samples");
        let failure = Failure::in_file(Path::new("w.json"), error);
        assert_eq!(failure.message(), "w.json: /channels/0: no samples");
        let source = std::io::Error::other("gone");
        let error = Error::Io { path: "w.json".into(), source };
        assert_eq!(Failure::in_file(Path::new("w.json"), error).message(), "w.json: gone");
        assert_eq!(display_file(Path::new("-")), "stdin");
    }
}
