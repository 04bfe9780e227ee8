//! What goes into a model and comes out of it, checked against what a flow needs.

use std::ops::Range;

use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};

use crate::spec::text::{count, list, quoted};

/// What a flow needs of a model.
pub(super) struct Wanted<'a> {
    /// How many columns go in, of events and of the context.
    pub(super) columns: usize,
    pub(super) context: usize,
    pub(super) outputs: &'a [Needed<'a>],
}

/// An output, by the names that it may have.
pub(super) struct Needed<'a> {
    pub(super) names: &'a [&'a str],
    /// Its shape after the rows.
    pub(super) shape: &'a [usize],
    /// Whether the model must have it; then a model's only output is it, whatever its name.
    pub(super) required: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) name: String,
    /// Columns of events, then of the context.
    pub(super) columns: Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Out {
    pub(super) name: String,
    /// Its shape after the rows.
    pub(super) shape: Vec<i64>,
}

/// A model's inputs and outputs.
#[derive(Debug, Clone)]
pub(super) struct Interface {
    /// Numbers are f64, not f32.
    pub(super) double: bool,
    pub(super) inputs: Vec<Input>,
    /// As they were wanted; `None` where the model lacks one that it need not have.
    pub(super) outputs: Vec<Option<Out>>,
    /// The number of rows, where it is always the same.
    pub(super) rows: Option<usize>,
}

impl Interface {
    pub(super) fn new(session: &Session, wanted: &Wanted<'_>) -> Result<Self, String> {
        let (columns, context) = (wanted.columns, wanted.context);
        let given = session.inputs();
        let ends = match given {
            [_] => vec![columns + context],
            [_, _] if context > 0 => vec![columns, columns + context],
            _ => {
                let or = if context > 0 { ", or two, events and context" } else { "" };
                return Err(format!(
                    "it has {}, {}; one of [rows, {}]{or} is needed",
                    count(given.len(), "input"),
                    list(given.iter().map(Outlet::name)),
                    columns + context
                ));
            }
        };
        let mut start = 0;
        let mut found = Self { double: false, inputs: Vec::new(), outputs: Vec::new(), rows: None };
        for (k, (outlet, end)) in given.iter().zip(ends).enumerate() {
            let columns = start..end;
            start = end;
            let what = format!("input {}", quoted(outlet.name()));
            let width = i64::try_from(columns.len()).unwrap_or(i64::MAX);
            let (double, shape) = numbers(outlet, &what)?;
            match *shape {
                [rows, own] if own == width || own < 0 => found.take_rows(rows, &what)?,
                _ => return Err(misshapen(&what, shape, &format!("[rows, {width}]"))),
            }
            if k > 0 && double != found.double {
                return Err(format!("{what} has another type of numbers than the one before"));
            }
            found.double = double;
            found.inputs.push(Input { name: outlet.name().to_owned(), columns });
        }
        for needed in wanted.outputs {
            let out = found.output(session.outputs(), needed)?;
            found.outputs.push(out);
        }
        Ok(found)
    }

    fn take_rows(&mut self, rows: i64, what: &str) -> Result<(), String> {
        let Ok(rows) = usize::try_from(rows) else { return Ok(()) };
        if rows == 0 || self.rows.is_some_and(|known| known != rows) {
            return Err(format!(
                "{what} has {rows} rows; any number, or the same everywhere, is needed"
            ));
        }
        self.rows = Some(rows);
        Ok(())
    }

    fn output(&mut self, all: &[Outlet], needed: &Needed<'_>) -> Result<Option<Out>, String> {
        let named = all.iter().find(|outlet| needed.names.contains(&outlet.name()));
        let outlet = match (named, all) {
            (Some(outlet), _) => outlet,
            (None, [only]) if needed.required => only,
            (None, _) if needed.required => {
                return Err(format!(
                    "none of its outputs is {}; there are {}",
                    quoted(needed.names[0]),
                    list(all.iter().map(Outlet::name))
                ));
            }
            _ => return Ok(None),
        };
        let what = format!("output {}", quoted(outlet.name()));
        let (double, shape) = numbers(outlet, &what)?;
        if double != self.double {
            return Err(format!("{what} has another type of numbers than the inputs"));
        }
        let own: Vec<i64> =
            needed.shape.iter().map(|n| i64::try_from(*n).unwrap_or(i64::MAX)).collect();
        // a number a row may be in a column
        let rest = shape.get(1..).unwrap_or_default();
        let as_column = own.is_empty() && matches!(*rest, [1 | -1]);
        let own = if as_column { vec![1] } else { own };
        let fits = rest.len() == own.len() && rest.iter().zip(&own).all(|(a, b)| a == b || *a < 0);
        if shape.is_empty() || !fits {
            let shape_wanted: String = needed.shape.iter().map(|n| format!(", {n}")).collect();
            return Err(misshapen(&what, shape, &format!("[rows{shape_wanted}]")));
        }
        self.take_rows(shape[0], &what)?;
        Ok(Some(Out { name: outlet.name().to_owned(), shape: own }))
    }
}

/// Whether a tensor's numbers are f64, and its shape.
fn numbers<'a>(outlet: &'a Outlet, what: &str) -> Result<(bool, &'a [i64]), String> {
    match outlet.dtype() {
        ValueType::Tensor { ty: TensorElementType::Float64, shape, .. } => Ok((true, shape)),
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => Ok((false, shape)),
        other => Err(format!("{what} is {other}; a tensor of f64 or f32 is needed")),
    }
}

fn misshapen(what: &str, shape: &[i64], needed: &str) -> String {
    let name = |n: &i64| if *n < 0 { "any".to_owned() } else { n.to_string() };
    let shape: Vec<String> = shape.iter().map(name).collect();
    format!("{what} has the shape [{}]; {needed} is needed", shape.join(", "))
}
