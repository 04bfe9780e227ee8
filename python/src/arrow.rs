//! Tables of other libraries by Arrow's C interface (<https://arrow.apache.org/docs/format/CStreamInterface.html>):
//! columns of numbers from a PyCapsule `arrow_array_stream`. The three structs are the whole of it; arrow-rs would be a
//! minute of every build.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use neyman::Error;
use numpy::ndarray::ArrayView1;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods};

use crate::convert::{argument, raise};

/// `ArrowSchema` of the interface, field by field; so are the two below.
#[repr(C)]
struct Schema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut Schema,
    dictionary: *mut Schema,
    release: Option<unsafe extern "C" fn(*mut Schema)>,
    private_data: *mut c_void,
}

#[repr(C)]
struct Array {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut Array,
    dictionary: *mut Array,
    release: Option<unsafe extern "C" fn(*mut Array)>,
    private_data: *mut c_void,
}

#[repr(C)]
struct Stream {
    get_schema: Option<unsafe extern "C" fn(*mut Stream, *mut Schema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut Stream, *mut Array) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut Stream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut Stream)>,
    private_data: *mut c_void,
}

/// One of the structs, whose producer is told once, when it goes out of use.
macro_rules! released {
    ($($of:ty),*) => {$(
        impl Drop for $of {
            fn drop(&mut self) {
                if let Some(release) = self.release {
                    // SAFETY: `release` is still there, so nobody has called it; the interface has it called with the
                    // struct itself, and it sets itself to null
                    unsafe { release(self) }
                }
            }
        }

        // SAFETY: the interface lets a struct move between threads that use it one after the other
        unsafe impl Send for $of {}
    )*};
}

released!(Schema, Array, Stream);

impl Schema {
    const EMPTY: Self = Self {
        format: ptr::null(),
        name: ptr::null(),
        metadata: ptr::null(),
        flags: 0,
        n_children: 0,
        children: ptr::null_mut(),
        dictionary: ptr::null_mut(),
        release: None,
        private_data: ptr::null_mut(),
    };

    fn format(&self) -> &str {
        text(self.format)
    }
}

impl Array {
    const EMPTY: Self = Self {
        length: 0,
        null_count: 0,
        offset: 0,
        n_buffers: 0,
        n_children: 0,
        buffers: ptr::null_mut(),
        children: ptr::null_mut(),
        dictionary: ptr::null_mut(),
        release: None,
        private_data: ptr::null_mut(),
    };
}

/// A text of the interface; empty where there is none or it is not UTF-8.
fn text<'a>(at: *const c_char) -> &'a str {
    if at.is_null() {
        return "";
    }
    // SAFETY: texts of the interface end with a zero and live as long as their struct, which callers hold
    unsafe { CStr::from_ptr(at) }.to_str().unwrap_or("")
}

/// A child of a struct, if it is there.
fn child<T>(children: *mut *mut T, n: i64, at: usize) -> Option<*mut T> {
    if children.is_null() || usize::try_from(n).map_or(true, |n| at >= n) {
        return None;
    }
    // SAFETY: there are `n` pointers, and `at` is below
    Some(unsafe { *children.add(at) }).filter(|child| !child.is_null())
}

/// The end of a stream is a batch that is released.
type Batch = Option<Arc<Array>>;

impl Stream {
    /// Takes the stream out of its capsule, which is empty then.
    fn take(capsule: &Bound<'_, PyCapsule>) -> PyResult<Self> {
        let at = capsule.pointer_checked(Some(c"arrow_array_stream"))?.cast::<Self>();
        // SAFETY: the capsule has the interface's name, so it points to such a struct; a consumer moves it out and marks
        // what is left as released, as the interface asks
        let stream = unsafe {
            let stream = at.as_ptr().read();
            (*at.as_ptr()).release = None;
            stream
        };
        match stream.release {
            Some(_) => Ok(stream),
            None => Err(argument("this stream of Arrow has been read already")),
        }
    }

    fn schema(&mut self) -> Result<Schema, String> {
        let mut schema = Schema::EMPTY;
        let get = self.get_schema.ok_or("its stream has no schema")?;
        // SAFETY: the stream is not released, and `schema` is room for one
        let code = unsafe { get(self, &mut schema) };
        if code != 0 {
            return Err(self.told(code));
        }
        match schema.release.is_some() && schema.format() == "+s" {
            true => Ok(schema),
            false => Err("its stream is not one of tables".into()),
        }
    }

    fn next(&mut self) -> Result<Batch, String> {
        let mut array = Array::EMPTY;
        let get = self.get_next.ok_or("its stream has no batches")?;
        // SAFETY: the stream is not released, and `array` is room for one
        let code = unsafe { get(self, &mut array) };
        match (code, array.release) {
            (0, None) => Ok(None),
            (0, Some(_)) => Ok(Some(Arc::new(array))),
            _ => Err(self.told(code)),
        }
    }

    fn told(&mut self, code: c_int) -> String {
        // SAFETY: the stream is not released; the text lives until its next call
        let why = self.get_last_error.map_or("", |get| text(unsafe { get(self) }));
        let why = why.lines().next().unwrap_or_default();
        format!("its stream broke off with code {code}: {why}")
    }
}

/// Numbers that are read, by their letter in the interface.
#[derive(Clone, Copy)]
enum Numbers {
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
    fn new(schema: &Schema) -> Result<Self, String> {
        // the letter is that of the indices then
        if !schema.dictionary.is_null() {
            return Err("its values are in a dictionary; cast it to a column of numbers".into());
        }
        Ok(match schema.format() {
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
struct Part {
    batch: Arc<Array>,
    /// Its first number, which need not be aligned; null where there are none.
    values: *const c_void,
    offset: usize,
    len: usize,
}

// SAFETY: it points into the batch that it holds, which nobody writes to
unsafe impl Send for Part {}

impl Part {
    /// Column `k` of a batch whose first row is `row` of the table.
    fn new(batch: &Arc<Array>, k: usize, row: usize) -> Result<Self, (Option<usize>, String)> {
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
    fn append(&self, kind: Numbers, out: &mut Vec<f64>) -> Result<(), (usize, String)> {
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
    fn slice(&self, kind: Numbers) -> Option<*const f64> {
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

/// What a NumPy array borrows from.
#[pyclass(frozen)]
struct Held {
    _batch: Arc<Array>,
}

// SAFETY: nothing is done with it but release it, by whoever drops it last
unsafe impl Sync for Array {}

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
    let events = |column: Option<&str>, row: Option<usize>, why: String| wrong(what, column, row, why);
    let schema = stream.schema().map_err(|why| events(None, None, why))?;
    let (mut names, mut places, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    for k in 0..usize::try_from(schema.n_children).unwrap_or(0) {
        let Some(own) = child(schema.children, schema.n_children, k) else { continue };
        // SAFETY: a child lives as long as its schema
        let own = unsafe { &*own };
        let name = text(own.name).to_owned();
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
            part.append(column.kind, &mut values)
                .map_err(|(i, why)| raise(wrong(what, Some(&column.name), Some(before + i), why)))?;
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
