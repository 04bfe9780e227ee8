//! Reading result documents (`docs/results.md`): every complaint names the place.

use serde_json::Value;

use crate::{Error, Result};

/// A value in a document, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Node<'a> {
    /// The document itself.
    pub(crate) fn new(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    /// What is wrong here.
    pub(crate) fn error(&self, message: impl Into<String>) -> Error {
        Error::specification(self.path.clone(), message)
    }

    fn expected(&self, what: &str) -> Error {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.error(format!("expected {what}, found {found}"))
    }

    /// A field that must be there; it may be null.
    pub(crate) fn get(&self, key: &str) -> Result<Self> {
        let path = format!("{}/{}", self.path, key.replace('~', "~0").replace('/', "~1"));
        let Value::Object(fields) = self.value else { return Err(self.expected("an object")) };
        match fields.get(key) {
            Some(value) => Ok(Self { value, path }),
            None => Err(Error::specification(path, "is missing")),
        }
    }

    /// A field that may be absent or null.
    pub(crate) fn maybe(&self, key: &str) -> Option<Self> {
        self.get(key).ok().filter(|node| !node.value.is_null())
    }

    /// Elements of a list.
    pub(crate) fn list(&self) -> Result<Vec<Self>> {
        let Value::Array(list) = self.value else { return Err(self.expected("a list")) };
        let element = |(i, value)| Self { value, path: format!("{}/{i}", self.path) };
        Ok(list.iter().enumerate().map(element).collect())
    }

    /// The elements of a list in a field.
    pub(crate) fn elements(&self, key: &str) -> Result<Vec<Self>> {
        self.get(key)?.list()
    }

    /// A number, or the word for one that JSON has not; null is not a number, either.
    pub(crate) fn number(&self) -> Result<f64> {
        let word = match self.value {
            Value::Null => Some(f64::NAN),
            Value::String(word) => match word.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                _ => None,
            },
            value => value.as_f64(),
        };
        word.ok_or_else(|| self.expected("a number"))
    }

    /// The number in a field.
    pub(crate) fn real(&self, key: &str) -> Result<f64> {
        self.get(key)?.number()
    }

    /// The number in a field that may be absent: NaN then.
    pub(crate) fn real_or_nan(&self, key: &str) -> Result<f64> {
        self.maybe(key).map_or(Ok(f64::NAN), |node| node.number())
    }

    /// A list of numbers.
    pub(crate) fn numbers(&self) -> Result<Vec<f64>> {
        self.list()?.iter().map(Self::number).collect()
    }

    /// A list of numbers of this length.
    pub(crate) fn vector(&self, length: usize) -> Result<Vec<f64>> {
        let numbers = self.numbers()?;
        if numbers.len() != length {
            let message = format!("expected {length} numbers, found {}", numbers.len());
            return Err(self.error(message));
        }
        Ok(numbers)
    }

    /// A band from -2 to +2 sigma in a field; of NaN where it is null.
    pub(crate) fn band(&self, key: &str) -> Result<[f64; 5]> {
        let node = self.get(key)?;
        if node.value.is_null() {
            return Ok([f64::NAN; 5]);
        }
        let numbers = node.vector(5)?;
        Ok(std::array::from_fn(|i| numbers[i]))
    }

    /// A text.
    pub(crate) fn text(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.expected("a text"))
    }

    /// The text in a field.
    pub(crate) fn word(&self, key: &str) -> Result<&'a str> {
        self.get(key)?.text()
    }

    /// The text in a field that may be absent: empty then.
    pub(crate) fn word_or_empty(&self, key: &str) -> &'a str {
        self.maybe(key).and_then(|node| node.value.as_str()).unwrap_or_default()
    }

    /// There is nothing here.
    pub(crate) fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// A text or a number as it is written.
    pub(crate) fn plain(&self) -> String {
        self.value.as_str().map_or_else(|| self.value.to_string(), str::to_owned)
    }

    /// A truth in a field that may be absent.
    pub(crate) fn is(&self, key: &str) -> bool {
        self.maybe(key).is_some_and(|node| node.value.as_bool() == Some(true))
    }

    /// Name of the parameter of interest, or another word for it.
    pub(crate) fn poi(&self) -> &'a str {
        match self.word_or_empty("poi") {
            "" => "parameter of interest",
            name => name,
        }
    }

    /// The file and the measurement behind the document.
    pub(crate) fn origin(&self) -> String {
        let Some(provenance) = self.maybe("provenance") else { return String::new() };
        // models of single events have a specification
        let file = match provenance.word_or_empty("workspace") {
            "" => provenance.word_or_empty("specification"),
            workspace => workspace,
        };
        // the folder says nothing to the reader of a figure
        let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let words = [file, provenance.word_or_empty("measurement")];
        words.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn complaints_name_the_place() {
        let value = json!({"points": [{"mu": 1, "band": [1, 2]}, {"mu": "one"}], "a/b": 1});
        let document = Node::new(&value);
        let told = |e: Error| e.to_string();
        assert_eq!(told(document.real("status").unwrap_err()), "/status: is missing");
        let points = document.elements("points").unwrap();
        assert_eq!(
            told(points[1].real("mu").unwrap_err()),
            "/points/1/mu: expected a number, found a text"
        );
        let short = points[0].band("band").unwrap_err();
        assert_eq!(told(short), "/points/0/band: expected 5 numbers, found 2");
        assert_eq!(
            told(document.list().unwrap_err()),
            "the document: expected a list, found an object"
        );
        assert_eq!(document.get("a/b").unwrap().path, "/a~1b");
        assert!(document.elements("a/b").unwrap_err().is_specification());
    }

    #[test]
    fn what_json_lacks_is_read() {
        let value = json!({"a": ["NaN", "Infinity", "-Infinity", null, 2.5]});
        let numbers = Node::new(&value).get("a").unwrap().numbers().unwrap();
        assert!(numbers[0].is_nan() && numbers[3].is_nan());
        assert_eq!((numbers[1], numbers[2], numbers[4]), (f64::INFINITY, f64::NEG_INFINITY, 2.5));
    }
}
