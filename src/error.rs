//! The one error type: what is wrong, where it stands, what to do.

use std::path::PathBuf;

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, told so that a person can act on it.
///
/// Match on the predicates ([`Error::is_specification`] and so on) rather than on the variants:
/// variants and fields may be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not JSON, or breaks one of the reader's limits.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// The document is JSON, but not a valid workspace, patch or patchset.
    #[error("{}: {message}", display_pointer(path))]
    Specification {
        /// JSON pointer (RFC 6901) to the offending place; empty for the document itself.
        path: String,
        /// What is wrong there and what would be right.
        message: String,
    },
    /// A patchset was made for another workspace than the one given.
    #[error(
        "the patchset was made for another workspace: its {algorithm} is {expected}, that of the \
         one given is {actual}; if the two are known to agree, skip the verification"
    )]
    Digest {
        /// The hash's name.
        algorithm: String,
        /// The digest that the patchset names.
        expected: String,
        /// The digest of the workspace given.
        actual: String,
    },
    /// A call's arguments do not fit the model (wrong length, unknown name, value out of bounds).
    #[error("{0}")]
    Argument(String),
    /// The model is legal, but this operation needs something it lacks.
    #[error("{0}")]
    Unsupported(String),
    /// A device cannot be used.
    #[error("device {device}: {message}")]
    Device {
        /// The device asked for.
        device: String,
        /// Why it cannot be used, and what can.
        message: String,
    },
    /// A table of events is at fault: a value that is no number, a column that is not there.
    #[error("{}{message}", display_event(file.as_ref(), column.as_ref(), *row))]
    Events {
        /// The file that it was read from.
        file: Option<PathBuf>,
        /// The column.
        column: Option<String>,
        /// Row of the table or file, from 0.
        row: Option<u64>,
        /// What is wrong there and what would be right.
        message: String,
    },
    /// A fit ended without a minimum.
    #[error("{0}")]
    Convergence(String),
    /// Reading or writing a file failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file of earlier results does not belong to this run, or is damaged.
    #[error("{}: {message}", path.display())]
    Results {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        message: String,
    },
}

impl Error {
    /// A specification error at a JSON pointer.
    pub fn specification(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Specification { path: path.into(), message: message.into() }
    }

    /// The input document is at fault (syntax, specification or digest).
    pub fn is_specification(&self) -> bool {
        matches!(self, Self::Syntax { .. } | Self::Specification { .. } | Self::Digest { .. })
    }

    /// A patchset does not belong to the workspace given.
    pub fn is_digest(&self) -> bool {
        matches!(self, Self::Digest { .. })
    }

    /// A table of events is at fault.
    pub fn is_events(&self) -> bool {
        matches!(self, Self::Events { .. })
    }

    /// A device is at fault.
    pub fn is_device(&self) -> bool {
        matches!(self, Self::Device { .. })
    }

    /// A fit did not converge.
    pub fn is_convergence(&self) -> bool {
        matches!(self, Self::Convergence(_))
    }

    /// The model lacks what the operation needs.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported(_))
    }

    /// A file could not be read or written, or holds other results.
    pub fn is_io(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Results { .. })
    }
}

fn display_pointer(path: &str) -> &str {
    if path.is_empty() { "the document" } else { path }
}

fn display_event(file: Option<&PathBuf>, column: Option<&String>, row: Option<u64>) -> String {
    let file = file.map(|f| f.display().to_string());
    let place = match (column, row) {
        (Some(column), Some(row)) => Some(format!("column {column:?}, row {row}")),
        (Some(column), None) => Some(format!("column {column:?}")),
        (None, row) => row.map(|row| format!("row {row}")),
    };
    file.into_iter().chain(place).map(|part| part + ": ").collect()
}
