//! JSON pointers (RFC 6901) that read and change a document.

use std::borrow::Cow;

use serde_json::Value;

use crate::spec::text::{count, list, quoted, suggestion};

/// A pointer's steps, unescaped. Failures are messages: the caller knows the place.
#[derive(PartialEq)]
pub(super) struct Pointer<'p> {
    text: &'p str,
    steps: Vec<Cow<'p, str>>,
}

impl<'p> Pointer<'p> {
    pub(super) fn parse(text: &'p str) -> Result<Self, String> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(format!("a JSON pointer starts with \"/\", this is {}", quoted(text)));
        }
        let steps = text.split('/').skip(1).map(unescape).collect::<Result<_, _>>()?;
        Ok(Self { text, steps })
    }

    pub(super) fn quoted(&self) -> String {
        quoted(self.text)
    }

    pub(super) fn depth(&self) -> usize {
        self.steps.len()
    }

    /// `other` lies strictly inside this.
    pub(super) fn contains(&self, other: &Self) -> bool {
        other.steps.len() > self.steps.len() && other.steps.starts_with(&self.steps)
    }

    pub(super) fn find_mut<'v>(&self, document: &'v mut Value) -> Result<&'v mut Value, String> {
        self.steps.iter().enumerate().try_fold(document, |value, (depth, step)| {
            let at = || self.at(depth);
            match value {
                Value::Array(elements) => {
                    let index = index(step, elements.len(), &at)?;
                    let length = elements.len();
                    elements.get_mut(index).ok_or_else(|| out_of_range(index, length, &at))
                }
                Value::Object(object) => {
                    if !object.contains_key(&**step) {
                        let keys = || object.keys().map(String::as_str);
                        let near = suggestion(step, keys());
                        let (key, keys) = (quoted(step), list(keys()));
                        return Err(format!("no key {key} {}{near}; there are {keys}", at()));
                    }
                    object.get_mut(&**step).ok_or_else(String::new)
                }
                _ => Err(format!("the value {} has no {}", at(), quoted(step))),
            }
        })
    }

    pub(super) fn add(&self, document: &mut Value, value: Value) -> Result<(), String> {
        let Some((parent, last)) = self.split(document)? else {
            *document = value;
            return Ok(());
        };
        let at = || self.at(self.steps.len() - 1);
        match parent {
            Value::Array(elements) => {
                let length = elements.len();
                let index = if last == "-" { length } else { index(last, length, &at)? };
                if index > length {
                    return Err(out_of_range(index, length, &at));
                }
                elements.insert(index, value);
            }
            Value::Object(object) => {
                object.insert(last.to_owned(), value);
            }
            _ => return Err(format!("the value {} is neither an object nor an array", at())),
        }
        Ok(())
    }

    pub(super) fn remove(&self, document: &mut Value) -> Result<Value, String> {
        // errors about what is not there are `find_mut`'s
        self.find_mut(document)?;
        let removed = match self.split(document)? {
            None => return Err("the whole document cannot be removed".into()),
            Some((Value::Array(elements), last)) => {
                let length = elements.len();
                let at = || self.at(self.steps.len() - 1);
                Some(elements.remove(index(last, length, &at)?))
            }
            Some((Value::Object(object), last)) => object.remove(last),
            Some(_) => None,
        };
        removed.ok_or_else(|| format!("there is no {}", self.quoted()))
    }

    /// The value that holds the last step, and that step; nothing for the whole document.
    fn split<'v>(&self, document: &'v mut Value) -> Result<Option<(&'v mut Value, &str)>, String> {
        let Some((last, steps)) = self.steps.split_last() else { return Ok(None) };
        let end = self.text.rfind('/').unwrap_or(0);
        let parent = Pointer { text: &self.text[..end], steps: steps.to_vec() };
        Ok(Some((parent.find_mut(document)?, last)))
    }

    /// `at "/channels/0"`: the first `depth` steps.
    fn at(&self, depth: usize) -> String {
        let end = self.text.match_indices('/').nth(depth).map_or(self.text.len(), |(at, _)| at);
        match &self.text[..end] {
            "" => "at the root".into(),
            text => format!("at {}", quoted(text)),
        }
    }
}

fn unescape(step: &str) -> Result<Cow<'_, str>, String> {
    if !step.contains('~') {
        return Ok(Cow::Borrowed(step));
    }
    let bad = step.match_indices('~').any(|(at, _)| {
        let next = step.as_bytes().get(at + 1);
        !matches!(next, Some(b'0' | b'1'))
    });
    if bad {
        let message = "\"~\" in a JSON pointer must be written \"~0\", and \"/\" in a key \"~1\"";
        return Err(format!("{message}, found {}", quoted(step)));
    }
    Ok(Cow::Owned(step.replace("~1", "/").replace("~0", "~")))
}

fn index(step: &str, length: usize, at: &impl Fn() -> String) -> Result<usize, String> {
    let digits = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (step.len() > 1 && step.starts_with('0')) {
        return Err(format!("{} is no index of the array {}", quoted(step), at()));
    }
    step.parse().map_err(|_| out_of_range(quoted(step), length, at))
}

fn out_of_range(index: impl std::fmt::Display, length: usize, at: &impl Fn() -> String) -> String {
    format!("index {index} is out of range: the array {} has {}", at(), count(length, "element"))
}
