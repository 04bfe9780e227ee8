//! The structs of Arrow's C interface, and what gives batches of them.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods};

use crate::convert::argument;

/// `ArrowSchema` of the interface, field by field; so are the two below.
#[repr(C)]
pub(super) struct Schema {
    pub(super) format: *const c_char,
    pub(super) name: *const c_char,
    pub(super) metadata: *const c_char,
    pub(super) flags: i64,
    pub(super) n_children: i64,
    pub(super) children: *mut *mut Schema,
    pub(super) dictionary: *mut Schema,
    pub(super) release: Option<unsafe extern "C" fn(*mut Schema)>,
    pub(super) private_data: *mut c_void,
}

#[repr(C)]
pub(super) struct Array {
    pub(super) length: i64,
    pub(super) null_count: i64,
    pub(super) offset: i64,
    pub(super) n_buffers: i64,
    pub(super) n_children: i64,
    pub(super) buffers: *mut *const c_void,
    pub(super) children: *mut *mut Array,
    pub(super) dictionary: *mut Array,
    pub(super) release: Option<unsafe extern "C" fn(*mut Array)>,
    pub(super) private_data: *mut c_void,
}

#[repr(C)]
pub(super) struct Stream {
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

// SAFETY: nothing is done with it but read it, and release it by whoever drops it last
unsafe impl Sync for Array {}

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

    pub(super) fn format(&self) -> String {
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
pub(super) fn text(at: *const c_char) -> String {
    if at.is_null() {
        return String::new();
    }
    // SAFETY: texts of the interface end with a zero and live as long as their struct, which callers hold
    unsafe { CStr::from_ptr(at) }.to_str().unwrap_or_default().to_owned()
}

/// A child of a struct, if it is there.
pub(super) fn child<T>(children: *mut *mut T, n: i64, at: usize) -> Option<*mut T> {
    if children.is_null() || usize::try_from(n).map_or(true, |n| at >= n) {
        return None;
    }
    // SAFETY: there are `n` pointers, and `at` is below
    Some(unsafe { *children.add(at) }).filter(|child| !child.is_null())
}

/// The end of a stream is a batch that is released.
pub(super) type Batch = Option<Arc<Array>>;

impl Stream {
    /// Takes the stream out of its capsule, which is empty then.
    pub(super) fn take(capsule: &Bound<'_, PyCapsule>) -> PyResult<Self> {
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

    pub(super) fn schema(&mut self) -> Result<Schema, String> {
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

    pub(super) fn next(&mut self) -> Result<Batch, String> {
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
        let why = self.get_last_error.map_or(String::new(), |get| text(unsafe { get(self) }));
        let why = why.lines().next().unwrap_or_default();
        format!("its stream broke off with code {code}: {why}")
    }
}
