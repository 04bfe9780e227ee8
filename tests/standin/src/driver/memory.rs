//! Device memory, copies and pinned host memory. Streams run in order, so `Async` is the same at once.

use super::codes::*;
use super::{State, with};
use crate::settings::Failure;
use crate::types::Problem;
use std::ffi::{c_int, c_uint, c_void};

fn allocate(s: &mut State, out: *mut u64, n: usize) -> c_int {
    if n == 0 {
        return INVALID_VALUE;
    }
    let limit = match s.env.failure {
        Some(Failure::OutOfMemory(limit)) => limit,
        _ => s.env.memory,
    };
    if s.heap.used.saturating_add(n) > limit {
        return OUT_OF_MEMORY;
    }
    unsafe { *out = s.heap.allocate(n) };
    OK
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAlloc_v2(out: *mut u64, n: usize) -> c_int {
    with(|s| allocate(s, out, n))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAllocAsync(out: *mut u64, n: usize, stream: usize) -> c_int {
    with(|s| s.on(stream, |s| allocate(s, out, n)))
}

fn free(s: &mut State, at: u64) -> c_int {
    if at == 0 || s.heap.free(at) {
        return OK;
    }
    s.say(&format!("cuMemFree: {at:#x} is no allocation"));
    INVALID_VALUE
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFree_v2(at: u64) -> c_int {
    with(|s| free(s, at))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFreeAsync(at: u64, stream: usize) -> c_int {
    with(|s| s.on(stream, |s| free(s, at)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> c_int {
    with(|s| {
        unsafe {
            *free = s.env.memory.saturating_sub(s.heap.used);
            *total = s.env.memory;
        }
        OK
    })
}

fn failed(s: &mut State, what: &str, e: Problem) -> c_int {
    s.say(&format!("{what}: {}", e.text()));
    INVALID_VALUE
}

fn to_device(s: &mut State, to: u64, from: *const u8, n: usize) -> c_int {
    if n == 0 {
        return OK;
    }
    s.copied[0] += n as u64;
    // SAFETY: the caller promises `n` bytes, as of the real driver.
    let bytes = unsafe { std::slice::from_raw_parts(from, n) };
    match s.heap.range(to, n) {
        Ok((area, at)) => {
            area.put(at, bytes);
            OK
        }
        Err(e) => failed(s, "cuMemcpyHtoD", e),
    }
}
fn to_host(s: &mut State, to: *mut u8, from: u64, n: usize) -> c_int {
    if n == 0 {
        return OK;
    }
    s.copied[1] += n as u64;
    match s.heap.range(from, n) {
        Ok((area, at)) => {
            // SAFETY: as above.
            unsafe { std::ptr::copy_nonoverlapping(area.bytes()[at..].as_ptr(), to, n) };
            OK
        }
        Err(e) => failed(s, "cuMemcpyDtoH", e),
    }
}
fn within(s: &mut State, to: u64, from: u64, n: usize) -> c_int {
    if n == 0 {
        return OK;
    }
    s.copied[2] += n as u64;
    let part = match s.heap.range(from, n) {
        Ok((area, at)) => area.snapshot(at, n),
        Err(e) => return failed(s, "cuMemcpyDtoD", e),
    };
    match s.heap.range(to, n) {
        Ok((area, at)) => {
            area.copy(at, &part);
            OK
        }
        Err(e) => failed(s, "cuMemcpyDtoD", e),
    }
}

/// What no driver has: bytes copied so far to the device, to the host, within the device.
///
/// # Safety
/// `to` is room for three numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn neyman_standin_copied(to: *mut u64) -> c_int {
    with(|s| {
        // SAFETY: as the caller promises.
        unsafe { std::ptr::copy_nonoverlapping(s.copied.as_ptr(), to, s.copied.len()) };
        OK
    })
}

/// What no driver has: where the host finds `n` bytes of the device, null where they are not there. From then on they
/// count as written, by whoever gets the address.
#[unsafe(no_mangle)]
pub extern "C" fn neyman_standin_reach(at: u64, n: usize) -> *mut u8 {
    let mut found = std::ptr::null_mut();
    with(|s| match s.heap.range(at, n) {
        Ok((area, offset)) => {
            found = area.reach(offset, n);
            OK
        }
        Err(e) => failed(s, "neyman_standin_reach", e),
    });
    found
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyHtoD_v2(to: u64, from: *const u8, n: usize) -> c_int {
    with(|s| to_device(s, to, from, n))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyHtoDAsync_v2(
    to: u64,
    from: *const u8,
    n: usize,
    stream: usize,
) -> c_int {
    with(|s| s.on(stream, |s| to_device(s, to, from, n)))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoH_v2(to: *mut u8, from: u64, n: usize) -> c_int {
    with(|s| to_host(s, to, from, n))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoHAsync_v2(
    to: *mut u8,
    from: u64,
    n: usize,
    stream: usize,
) -> c_int {
    with(|s| s.on(stream, |s| to_host(s, to, from, n)))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoD_v2(to: u64, from: u64, n: usize) -> c_int {
    with(|s| within(s, to, from, n))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoDAsync_v2(
    to: u64,
    from: u64,
    n: usize,
    stream: usize,
) -> c_int {
    with(|s| s.on(stream, |s| within(s, to, from, n)))
}

fn set(s: &mut State, to: u64, pattern: &[u8], n: usize) -> c_int {
    let bytes = pattern.repeat(n);
    to_device(s, to, bytes.as_ptr(), bytes.len())
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD8_v2(to: u64, v: u8, n: usize) -> c_int {
    with(|s| set(s, to, &[v], n))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD8Async(to: u64, v: u8, n: usize, stream: usize) -> c_int {
    with(|s| s.on(stream, |s| set(s, to, &[v], n)))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD32_v2(to: u64, v: c_uint, n: usize) -> c_int {
    with(|s| set(s, to, &v.to_le_bytes(), n))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD32Async(to: u64, v: c_uint, n: usize, stream: usize) -> c_int {
    with(|s| s.on(stream, |s| set(s, to, &v.to_le_bytes(), n)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemHostAlloc(out: *mut usize, n: usize, _: c_uint) -> c_int {
    with(|s| {
        let mut v = vec![0u64; n.div_ceil(8).max(1)];
        let at = v.as_mut_ptr() as usize;
        s.host.insert(at, v);
        unsafe { *out = at };
        OK
    })
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFreeHost(at: usize) -> c_int {
    with(|s| if s.host.remove(&at).is_some() { OK } else { INVALID_VALUE })
}

/// Context, memory type and ordinal of a device pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuPointerGetAttribute(
    out: *mut c_void,
    attribute: c_int,
    at: u64,
) -> c_int {
    with(|s| {
        if s.heap.find(at).is_err() {
            return INVALID_VALUE;
        }
        unsafe {
            match attribute {
                1 => *out.cast::<usize>() = super::CONTEXT + s.number,
                2 => *out.cast::<c_uint>() = 2,
                3 => *out.cast::<u64>() = at,
                9 => *out.cast::<c_int>() = s.number as c_int,
                _ => return INVALID_VALUE,
            }
        }
        OK
    })
}
