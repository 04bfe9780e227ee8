//! Files that are given to commands beside the workspace.

use std::io::Read;
use std::path::Path;

use neyman::Error;
use neyman::model::{Data, Model};
use serde_json::Value;

use super::failure::{Failure, display_file};
use super::json::parse_number;

/// A file's bytes; `-` is stdin.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let result = if path.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    result.map_err(|source| Error::Io { path: display_file(path).into(), source }.into())
}

/// A JSON file; `-` is stdin.
pub(crate) fn read_json(path: &Path) -> Result<Value, Failure> {
    let bytes = read(path)?;
    serde_json::from_slice(&bytes).map_err(|e| {
        let error = Error::Syntax { line: e.line(), column: e.column(), message: reason(&e) };
        Failure::in_file(path, error)
    })
}

/// The parser's message without the place, which we print in front.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Data from a file, or the workspace's own.
pub(crate) fn data(file: Option<&Path>, model: &Model) -> Result<Data, Failure> {
    let Some(path) = file else { return Ok(model.observed().clone()) };
    let observed = model.observed();
    parse_data(&read_json(path)?, observed.main.len(), observed.auxiliary.len())
        .map_err(|message| Failure::in_file(path, Error::Argument(message)))
}

fn parse_data(value: &Value, n_main: usize, n_auxiliary: usize) -> Result<Data, String> {
    let sizes = format!("the model has {n_main} bins and {n_auxiliary} auxiliary data");
    if let Value::Object(object) = value {
        if let Some(key) = object.keys().find(|k| !matches!(k.as_str(), "main" | "auxiliary")) {
            return Err(format!("key {key:?} is not known: main and auxiliary are"));
        }
        let part = |name: &str, n: usize| {
            let list = object.get(name).ok_or_else(|| format!("{name:?} is missing: {sizes}"))?;
            let values = vector(list).map_err(|e| format!("/{name}{e}"))?;
            let found = values.len();
            if found == n {
                Ok(values)
            } else {
                Err(format!("/{name} has {found} numbers, but {sizes}"))
            }
        };
        return Ok(Data {
            main: part("main", n_main)?,
            auxiliary: part("auxiliary", n_auxiliary)?,
        });
    }
    let mut main = vector(value)?;
    if main.len() == n_main + n_auxiliary {
        let auxiliary = main.split_off(n_main);
        return Ok(Data { main, auxiliary });
    }
    let hint = if main.len() == n_main {
        "the auxiliary data are missing; append them (pyhf: workspace.data(model), or observations \
         + model.config.auxdata)"
    } else {
        "main and auxiliary data are needed in one list, or as {\"main\": [..], \"auxiliary\": [..]}"
    };
    Err(format!("{} numbers, but {sizes}: {hint}", main.len()))
}

/// Parameter points from a file, or the initial ones for the word `init`.
pub(crate) fn points(at: &str, model: &Model) -> Result<Vec<Vec<f64>>, Failure> {
    let n = model.parameters().len();
    if at == "init" {
        return Ok(vec![model.parameters().iter().map(|p| p.init).collect()]);
    }
    let path = Path::new(at);
    parse_points(&read_json(path)?, n)
        .map_err(|message| Failure::in_file(path, Error::Argument(message)))
}

fn parse_points(value: &Value, n: usize) -> Result<Vec<Vec<f64>>, String> {
    let list = value.as_array().ok_or("a list of parameter vectors is needed")?;
    let single = list.first().is_some_and(|first| !first.is_array());
    let points = if single {
        vec![(String::new(), vector(value)?)]
    } else {
        let point = |(i, v)| {
            let place = format!("/{i}");
            vector(v).map_err(|e| format!("{place}{e}")).map(|x| (place, x))
        };
        list.iter().enumerate().map(point).collect::<Result<_, _>>()?
    };
    for (place, point) in &points {
        if point.len() != n {
            let place = if place.is_empty() { "the point" } else { place };
            return Err(format!(
                "{place} has {} numbers, but the model has {n} parameters (their order: neyman \
                 inspect)",
                point.len()
            ));
        }
    }
    Ok(points.into_iter().map(|(_, point)| point).collect())
}

fn vector(value: &Value) -> Result<Vec<f64>, String> {
    let list = value.as_array().ok_or(": a list of numbers is needed")?;
    let number = |(i, v)| parse_number(v).ok_or_else(|| format!("/{i}: a number is needed"));
    list.iter().enumerate().map(number).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_in_both_forms() {
        let expected = Data { main: vec![1.0, 2.0], auxiliary: vec![0.0] };
        assert_eq!(parse_data(&json!([1, 2, 0]), 2, 1), Ok(expected.clone()));
        assert_eq!(parse_data(&json!({"main": [1, 2], "auxiliary": [0]}), 2, 1), Ok(expected));
    }

    #[test]
    fn forgotten_auxiliary_data_are_named() {
        let message = parse_data(&json!([1, 2]), 2, 1).unwrap_err();
        assert!(message.contains("the auxiliary data are missing"), "{message}");
        let message = parse_data(&json!([1, 2, 3, 4]), 2, 1).unwrap_err();
        assert!(message.starts_with("4 numbers, but the model has 2 bins and 1 aux"), "{message}");
        let message = parse_data(&json!({"main": [1, 2]}), 2, 1).unwrap_err();
        assert!(message.contains("\"auxiliary\" is missing"), "{message}");
        let message = parse_data(&json!({"main": [1, "x"], "auxiliary": []}), 2, 1).unwrap_err();
        assert_eq!(message, "/main/1: a number is needed");
        assert!(parse_data(&json!({"aux": []}), 2, 1).unwrap_err().contains("not known"));
        assert!(parse_data(&json!("x"), 2, 1).is_err());
    }

    #[test]
    fn one_point_or_many() {
        assert_eq!(parse_points(&json!([1, 2]), 2), Ok(vec![vec![1.0, 2.0]]));
        assert_eq!(parse_points(&json!([[1, 2], [3, 4]]), 2).unwrap().len(), 2);
        assert_eq!(parse_points(&json!([]), 2), Ok(vec![]));
        let message = parse_points(&json!([[1, 2], [3]]), 2).unwrap_err();
        assert!(message.starts_with("/1 has 1 numbers, but the model has 2"), "{message}");
        assert_eq!(
            parse_points(&json!([[1, 2], 3]), 2).unwrap_err(),
            "/1: a list of numbers is needed"
        );
    }
}
