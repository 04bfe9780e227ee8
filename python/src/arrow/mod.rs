//! Tables of other libraries by Arrow's C interface (<https://arrow.apache.org/docs/format/CStreamInterface.html>):
//! columns of numbers from a PyCapsule `arrow_array_stream`. The three structs are the whole of it; arrow-rs would be a
//! minute of every build.

mod interface;
mod part;

use std::sync::Arc;

use neyman::Error;
use numpy::ndarray::ArrayView1;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::convert::raise;
use interface::{Array, Stream, child, text};
use part::{Numbers, Part};

/// What a NumPy array borrows from.
#[pyclass(frozen)]
struct Held {
    _batch: Arc<Array>,
}

struct Column {
    name: String,
    kind: Numbers,
    parts: Vec<Part>,
}

/// All names of a stream's columns, and those of `wanted` that it has.
fn read(
    mut stream: Stream,
    wanted: &[String],
    what: &str,
) -> neyman::Result<(Vec<String>, Vec<Column>)> {
    let events =
        |column: Option<&str>, row: Option<usize>, why: String| wrong(what, column, row, why);
    let schema = stream.schema().map_err(|why| events(None, None, why))?;
    let (mut names, mut places, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    for k in 0..usize::try_from(schema.n_children).unwrap_or(0) {
        let Some(own) = child(schema.children, schema.n_children, k) else { continue };
        // SAFETY: a child lives as long as its schema
        let own = unsafe { &*own };
        let name = text(own.name);
        if wanted.contains(&name) {
            if names.contains(&name) {
                return Err(events(Some(&name), None, "there are two columns of this name".into()));
            }
            let kind = Numbers::new(own).map_err(|why| events(Some(&name), None, why))?;
            places.push(k);
            columns.push(Column { name: name.clone(), kind, parts: Vec::new() });
        }
        names.push(name);
    }
    let mut row = 0;
    while let Some(batch) = stream.next().map_err(|why| events(None, None, why))? {
        for (column, k) in columns.iter_mut().zip(&places) {
            let part = Part::new(&batch, *k, row);
            let part = part.map_err(|(row, why)| events(Some(&column.name), row, why))?;
            column.parts.push(part);
        }
        row += usize::try_from(batch.length).unwrap_or(0);
    }
    Ok((names, columns))
}

/// What is wrong with a table, and where.
fn wrong(what: &str, column: Option<&str>, row: Option<usize>, why: String) -> Error {
    Error::Events {
        file: None,
        column: column.map(str::to_owned),
        row: row.map(|row| row as u64),
        message: format!("{why} ({what})"),
    }
}

type Columns<'py> = Vec<(String, Bound<'py, PyArray1<f64>>)>;

/// Names of all columns of a stream, and those of `wanted` that it has, as numbers: where they are, if they are of one
/// batch of float64, else a copy. `what` names the table in errors.
#[pyfunction]
pub(crate) fn read_arrow<'py>(
    py: Python<'py>,
    stream: Bound<'py, PyCapsule>,
    wanted: Vec<String>,
    what: &str,
) -> PyResult<(Vec<String>, Columns<'py>)> {
    let stream = Stream::take(&stream)?;
    // producers may need the interpreter on a thread of theirs
    let (names, columns) = py.detach(move || read(stream, &wanted, what)).map_err(raise)?;
    let array = |column: Column| -> PyResult<(String, Bound<'py, PyArray1<f64>>)> {
        if let [part] = &column.parts[..]
            && let Some(first) = part.slice(column.kind)
        {
            let held = Bound::new(py, Held { _batch: Arc::clone(&part.batch) })?;
            // SAFETY: the values are aligned, live as long as the batch, which the array holds, and nobody writes to
            // them: the array is made read-only before anybody sees it
            let array = unsafe {
                let view = ArrayView1::from_shape_ptr(part.len, first);
                PyArray1::borrow_from_array(&view, held.into_any())
            };
            return Ok((column.name, read_only(array)));
        }
        let rows = column.parts.iter().map(|part| part.len).sum();
        let mut values = Vec::with_capacity(rows);
        let mut before = 0;
        for part in &column.parts {
            part.append(column.kind, &mut values).map_err(|(i, why)| {
                raise(wrong(what, Some(&column.name), Some(before + i), why))
            })?;
            before += part.len;
        }
        Ok((column.name, crate::convert::array(py, values)))
    };
    let found = columns.into_iter().map(array).collect::<PyResult<_>>()?;
    Ok((names, found))
}

fn read_only<'py>(array: Bound<'py, PyArray1<f64>>) -> Bound<'py, PyArray1<f64>> {
    array.readwrite().make_nonwriteable();
    array
}
