//! Columns of batches, and the numbers in them.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use super::interface::{Array, Schema, child};

/// Numbers that are read, by their letter in the interface.
#[derive(Clone, Copy)]
pub(super) enum Numbers {
    F64,
    F32,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
}

impl Numbers {
    pub(super) fn new(schema: &Schema) -> Result<Self, String> {
        // the letter is that of the indices then
        if !schema.dictionary.is_null() {
            return Err("its values are in a dictionary; cast it to a column of numbers".into());
        }
        Ok(match &*schema.format() {
            "g" => Self::F64,
            "f" => Self::F32,
            "c" => Self::I8,
            "C" => Self::U8,
            "s" => Self::I16,
            "S" => Self::U16,
            "i" => Self::I32,
            "I" => Self::U32,
            "l" => Self::I64,
            "L" => Self::U64,
            other => {
                let what = match other {
                    "u" | "U" | "vu" => "text",
                    "n" => "nothing but nulls",
                    "b" => "truth values",
                    "e" => "float16",
                    _ => other,
                };
                return Err(format!("it is of {what}; float64, float32 and integers are read"));
            }
        })
    }
}

/// A column of a batch: numbers, from an offset on.
pub(super) struct Part {
    pub(super) batch: Arc<Array>,
    /// Its first number, which need not be aligned; null where there are none.
    values: *const c_void,
    offset: usize,
    pub(super) len: usize,
}

// SAFETY: it points into the batch that it holds, which nobody writes to
unsafe impl Send for Part {}

impl Part {
    /// Column `k` of a batch whose first row is `row` of the table.
    pub(super) fn new(
        batch: &Arc<Array>,
        k: usize,
        row: usize,
    ) -> Result<Self, (Option<usize>, String)> {
        let broken = |what: &str| (None, format!("the producer's batch is damaged: {what}"));
        let size = |n: i64| usize::try_from(n).map_err(|_| broken("a length below 0"));
        let array = child(batch.children, batch.n_children, k).ok_or(broken("no column"))?;
        // SAFETY: a child lives as long as its batch
        let array = unsafe { &*array };
        let (len, before) = (size(batch.length)?, size(batch.offset)?);
        let (own, offset) = (size(array.length)?, size(array.offset)?);
        if own < before + len {
            return Err(broken("a column is shorter than the table"));
        }
        if array.n_buffers != 2 || array.buffers.is_null() {
            return Err(broken("a column of numbers has two buffers"));
        }
        // SAFETY: there are two
        let (validity, values) = unsafe { (*array.buffers, *array.buffers.add(1)) };
        let offset = offset + before;
        if len > 0 && values.is_null() {
            return Err(broken("a column without values"));
        }
        for (of, validity, at) in [
            (array.null_count, validity, offset),
            // nulls of whole rows
            (batch.null_count, first_buffer(batch), before),
        ] {
            if of == 0 || validity.is_null() {
                continue;
            }
            let valid = |i: usize| {
                // SAFETY: a bitmap has a bit for each value up to the offset and length
                let byte = unsafe { *validity.cast::<u8>().add((at + i) / 8) };
                byte >> ((at + i) % 8) & 1 == 1
            };
            if let Some(i) = (0..len).find(|i| !valid(*i)) {
                let message = "null; drop or fill the rows that have one before they come here";
                return Err((Some(row + i), message.into()));
            }
        }
        Ok(Self { batch: Arc::clone(batch), values, offset, len })
    }

    /// Appends its numbers, or says which one f64 cannot hold.
    pub(super) fn append(&self, kind: Numbers, out: &mut Vec<f64>) -> Result<(), (usize, String)> {
        /// Integers to here are exact.
        const EXACT: i128 = 1 << 53;
        macro_rules! each {
            ($of:ty, $wide:expr) => {{
                let first = self.values.cast::<$of>().wrapping_add(self.offset);
                for i in 0..self.len {
                    // SAFETY: the buffer has offset + len values; producers need not align it
                    let value = unsafe { first.add(i).read_unaligned() };
                    let wide: Result<f64, String> = $wide(value);
                    out.push(wide.map_err(|why| (i, why))?);
                }
            }};
        }
        let exact = |n: i128| match n.abs() <= EXACT {
            true => Ok(n as f64),
            false => Err(format!("{n} is beyond the integers that float64 holds exactly")),
        };
        match kind {
            Numbers::F64 => each!(f64, |x: f64| Ok(x)),
            Numbers::F32 => each!(f32, |x: f32| Ok(f64::from(x))),
            Numbers::I8 => each!(i8, |x: i8| Ok(f64::from(x))),
            Numbers::U8 => each!(u8, |x: u8| Ok(f64::from(x))),
            Numbers::I16 => each!(i16, |x: i16| Ok(f64::from(x))),
            Numbers::U16 => each!(u16, |x: u16| Ok(f64::from(x))),
            Numbers::I32 => each!(i32, |x: i32| Ok(f64::from(x))),
            Numbers::U32 => each!(u32, |x: u32| Ok(f64::from(x))),
            Numbers::I64 => each!(i64, |x: i64| exact(x.into())),
            Numbers::U64 => each!(u64, |x: u64| exact(x.into())),
        }
        Ok(())
    }

    /// Its values where they are, if that is possible: aligned numbers of f64.
    pub(super) fn slice(&self, kind: Numbers) -> Option<*const f64> {
        let first = self.values.cast::<f64>().wrapping_add(self.offset);
        (matches!(kind, Numbers::F64) && self.len > 0 && first.is_aligned()).then_some(first)
    }
}

fn first_buffer(of: &Array) -> *const c_void {
    if of.n_buffers < 1 || of.buffers.is_null() {
        return ptr::null();
    }
    // SAFETY: there is one
    unsafe { *of.buffers }
}
