//! The primary context, and which thread has it current.

use super::codes::*;
use super::{CONTEXT, CURRENT, device_of, initialised, state_of, with};
use std::ffi::{c_int, c_uint};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxRetain(out: *mut usize, d: c_int) -> c_int {
    if !initialised() {
        return NOT_INITIALIZED;
    }
    let Some(mut s) = state_of(d as usize) else { return INVALID_DEVICE };
    s.retained += 1;
    unsafe { *out = CONTEXT + d as usize };
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxRelease_v2(d: c_int) -> c_int {
    let Some(mut s) = state_of(d as usize) else { return INVALID_DEVICE };
    if s.retained == 0 {
        return INVALID_CONTEXT;
    }
    s.retained -= 1;
    if s.retained == 0 {
        // The context goes, and its error with it.
        s.sticky = OK;
    }
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxReset_v2(d: c_int) -> c_int {
    let Some(mut s) = state_of(d as usize) else { return INVALID_DEVICE };
    s.sticky = OK;
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxSetCurrent(context: usize) -> c_int {
    if context != 0 && device_of(context).is_none() {
        return INVALID_CONTEXT;
    }
    CURRENT.set(context);
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetCurrent(out: *mut usize) -> c_int {
    if !initialised() {
        return NOT_INITIALIZED;
    }
    unsafe { *out = CURRENT.get() };
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxPushCurrent_v2(context: usize) -> c_int {
    unsafe { cuCtxSetCurrent(context) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxPopCurrent_v2(out: *mut usize) -> c_int {
    unsafe { *out = CURRENT.replace(0) };
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetDevice(out: *mut c_int) -> c_int {
    with(|s| {
        unsafe { *out = s.number as c_int };
        OK
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxSynchronize() -> c_int {
    with(|_| OK)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxSetFlags(_: c_uint) -> c_int {
    with(|_| OK)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxSetLimit(_: c_int, _: usize) -> c_int {
    with(|_| OK)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetLimit(out: *mut usize, _: c_int) -> c_int {
    with(|_| {
        unsafe { *out = 1024 };
        OK
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetStreamPriorityRange(
    least: *mut c_int,
    greatest: *mut c_int,
) -> c_int {
    with(|_| {
        unsafe {
            *least = 0;
            *greatest = -5;
        }
        OK
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuProfilerStart() -> c_int {
    with(|_| OK)
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuProfilerStop() -> c_int {
    with(|_| OK)
}
