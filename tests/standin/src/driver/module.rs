//! Modules and what a kernel says of itself.

use super::codes::*;
use super::device::SHARED_DEFAULT;
use crate::settings::SHARED_KEPT;
use super::{Function, State, with};
use crate::module::{Module, Refused};
use crate::settings::Failure;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

const ERROR_LOG: c_int = 5;
const ERROR_LOG_SIZE: c_int = 6;

fn load(s: &mut State, out: *mut usize, image: *const c_char) -> (c_int, String) {
    if matches!(s.env.failure, Some(Failure::RefusePtx | Failure::OldDriver)) {
        return (UNSUPPORTED_PTX_VERSION, "PTX is newer than the driver".into());
    }
    // SAFETY: PTX text ends with a zero byte, as the real driver needs it to.
    let Ok(text) = (unsafe { CStr::from_ptr(image) }).to_str() else {
        return (INVALID_IMAGE, "the image is no text".into());
    };
    let mut text = std::borrow::Cow::Borrowed(text);
    if let Some(omit) = s.env.omit {
        s.say(&format!(
            "line {omit} is left out: {}",
            text.lines().nth(omit - 1).unwrap_or("").trim()
        ));
        let keep = |(i, l)| if i + 1 == omit { "" } else { l };
        text = text.lines().enumerate().map(keep).collect::<Vec<_>>().join("\n").into();
    }
    match Module::load(&text, &mut s.heap) {
        Ok(m) => {
            s.modules.push(Some(m));
            unsafe { *out = s.numbered(s.modules.len()) };
            (OK, String::new())
        }
        Err(Refused::Version(e)) => (UNSUPPORTED_PTX_VERSION, e),
        Err(Refused::Text(e)) => (INVALID_PTX, e),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoadData(out: *mut usize, image: *const c_char) -> c_int {
    unsafe { cuModuleLoadDataEx(out, image, 0, std::ptr::null(), std::ptr::null()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoadDataEx(
    out: *mut usize,
    image: *const c_char,
    n: c_uint,
    options: *const c_int,
    values: *const *mut c_void,
) -> c_int {
    with(|s| {
        let (code, why) = load(s, out, image);
        if code != OK {
            s.say(&why);
        }
        // SAFETY: `n` options and values, and a buffer of the size that one of them states.
        unsafe {
            let find = |o| (0..n as usize).find(|i| *options.add(*i) == o).map(|i| *values.add(i));
            if let (Some(buffer), Some(size)) = (find(ERROR_LOG), find(ERROR_LOG_SIZE)) {
                let len = why.len().min((size as usize).saturating_sub(1));
                if size as usize > 0 {
                    std::ptr::copy_nonoverlapping(why.as_ptr(), buffer.cast(), len);
                    *buffer.cast::<u8>().add(len) = 0;
                }
            }
        }
        code
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleUnload(module: usize) -> c_int {
    with(|s| match s.place(module) {
        at if s.modules.get(at).is_some_and(Option::is_some) => {
            let Some(m) = s.modules[at].take() else { return INVALID_HANDLE };
            s.account(&m);
            for (at, _) in m.variables.values() {
                s.heap.free(*at);
            }
            OK
        }
        _ => INVALID_HANDLE,
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleGetFunction(
    out: *mut usize,
    module: usize,
    name: *const c_char,
) -> c_int {
    with(|s| {
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
        let Some(Some(m)) = s.modules.get(s.place(module)) else { return INVALID_HANDLE };
        let Some(kernel) = m.kernels.iter().position(|k| k.kernel.name == name) else {
            return NOT_FOUND;
        };
        let ordinary = SHARED_DEFAULT.min(s.env.opt_in());
        let dynamic_limit = ordinary.saturating_sub(m.kernels[kernel].kernel.shared);
        s.functions.push(Function { module: s.place(module), kernel, dynamic_limit });
        unsafe { *out = s.numbered(s.functions.len()) };
        OK
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleGetGlobal_v2(
    at: *mut u64,
    bytes: *mut usize,
    module: usize,
    name: *const c_char,
) -> c_int {
    with(|s| {
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
        let Some(Some(m)) = s.modules.get(s.place(module)) else { return INVALID_HANDLE };
        let Some(v) = m.variables.get(&*name) else { return NOT_FOUND };
        unsafe {
            if !at.is_null() {
                *at = v.0;
            }
            if !bytes.is_null() {
                *bytes = v.1;
            }
        }
        OK
    })
}

/// Registers that every kernel says it needs: only the real assembler knows.
const REGISTERS: usize = 64;

impl State {
    /// The function behind a handle, and its kernel.
    pub(super) fn function(&self, f: usize) -> Option<(&Function, &crate::program::Kernel)> {
        let f = self.functions.get(self.place(f))?;
        let m = self.modules[f.module].as_ref()?;
        Some((f, &m.kernels[f.kernel].kernel))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuFuncGetAttribute(out: *mut c_int, attribute: c_int, f: usize) -> c_int {
    with(|s| {
        let Some((f, k)) = s.function(f) else { return INVALID_HANDLE };
        let v = match attribute {
            0 => k.max_threads as usize,
            1 => k.shared,
            3 => k.local,
            4 => REGISTERS,
            5 => 70,
            6 => 90,
            8 => f.dynamic_limit,
            2 | 7 | 9..20 => 0,
            _ => return INVALID_VALUE,
        };
        unsafe { *out = v as c_int };
        OK
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuFuncSetAttribute(f: usize, attribute: c_int, v: c_int) -> c_int {
    with(|s| {
        let Some((_, k)) = s.function(f) else { return INVALID_HANDLE };
        let room = s.env.opt_in().saturating_sub(k.shared);
        match attribute {
            8 if v < 0 || v as usize > room => INVALID_VALUE,
            8 => {
                let at = s.place(f);
                s.functions[at].dynamic_limit = v as usize;
                OK
            }
            9 => OK,
            _ => INVALID_VALUE,
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuFuncSetCacheConfig(f: usize, _: c_int) -> c_int {
    with(|s| if s.function(f).is_some() { OK } else { INVALID_HANDLE })
}

fn occupancy(out: *mut c_int, f: usize, block: c_int, shared: usize) -> c_int {
    with(|s| {
        let Some((_, k)) = s.function(f) else { return INVALID_HANDLE };
        if block <= 0 {
            return INVALID_VALUE;
        }
        let threads = (block as usize).next_multiple_of(32);
        let n = (2048 / threads).min(65_536 / (REGISTERS * threads)).min(32);
        unsafe { *out = n.min(s.env.shared / (k.shared + shared + SHARED_KEPT)) as c_int };
        OK
    })
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
    out: *mut c_int,
    f: usize,
    block: c_int,
    shared: usize,
) -> c_int {
    occupancy(out, f, block, shared)
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    out: *mut c_int,
    f: usize,
    block: c_int,
    shared: usize,
    _: c_uint,
) -> c_int {
    occupancy(out, f, block, shared)
}
