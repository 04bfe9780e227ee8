//! Where in a document we are. A pointer is only written out when there is something to say.

use super::Warning;
use super::text::display_name;
use crate::Error;

/// A JSON pointer as a chain of borrowed steps: going down costs nothing.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    pub(crate) const ROOT: Place<'static> = Place { parent: None, step: Step::Root };

    pub(crate) fn key<'b>(&'b self, key: &'b str) -> Place<'b> {
        Place { parent: Some(self), step: Step::Key(key) }
    }

    pub(crate) fn index(&self, index: usize) -> Place<'_> {
        Place { parent: Some(self), step: Step::Index(index) }
    }

    pub(crate) fn pointer(&self) -> String {
        let mut pointer = self.parent.map(Place::pointer).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Key(key) => push_key(&mut pointer, key),
            Step::Index(index) => push_index(&mut pointer, index),
        }
        pointer
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> Error {
        Error::specification(self.pointer(), message)
    }

    pub(crate) fn warning(&self, message: impl Into<String>) -> Warning {
        Warning { path: self.pointer(), message: message.into() }
    }
}

/// Appends a key, escaped as RFC 6901 says; keys unfit to be printed are shown as
/// [`display_name`] shows them, for pointers exist to be read.
pub(crate) fn push_key(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&display_name(key).replace('~', "~0").replace('/', "~1"));
}

pub(crate) fn push_index(pointer: &mut String, index: usize) {
    pointer.push('/');
    pointer.push_str(&index.to_string());
}
