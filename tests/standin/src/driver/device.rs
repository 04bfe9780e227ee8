//! Initialisation and what the device says of itself.

use crate::settings::SHARED_KEPT;
use super::codes::*;
use super::{INITIALISED, STATES, first, initialised, state_of};
use crate::settings::Failure;
use std::ffi::{c_char, c_int, c_uint};

/// Shared memory that an ordinary launch gets.
pub const SHARED_DEFAULT: usize = 49_152;

const NAME: &[u8] = b"PTX stand-in";

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuInit(flags: c_uint) -> c_int {
    if flags != 0 {
        return INVALID_VALUE;
    }
    if first().env.failure == Some(Failure::NoDevice) {
        return NO_DEVICE;
    }
    INITIALISED.store(true, std::sync::atomic::Ordering::SeqCst);
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDriverGetVersion(out: *mut c_int) -> c_int {
    let old = first().env.failure == Some(Failure::OldDriver);
    unsafe { *out = if old { 10020 } else { 12020 } };
    OK
}

/// Calls `f` if the driver is initialised and there is such a device.
fn device(ordinal: c_int, f: impl FnOnce(&mut super::State) -> c_int) -> c_int {
    match state_of(ordinal as usize) {
        _ if !initialised() => NOT_INITIALIZED,
        Some(mut s) => f(&mut s),
        None => INVALID_DEVICE,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetCount(out: *mut c_int) -> c_int {
    device(0, |_| {
        unsafe { *out = STATES.len() as c_int };
        OK
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGet(out: *mut c_int, ordinal: c_int) -> c_int {
    device(ordinal, |_| {
        unsafe { *out = ordinal };
        OK
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetName(out: *mut c_char, n: c_int, d: c_int) -> c_int {
    device(d, |_| {
        let n = (n.max(1) as usize - 1).min(NAME.len());
        unsafe {
            std::ptr::copy_nonoverlapping(NAME.as_ptr().cast(), out, n);
            *out.add(n) = 0;
        }
        OK
    })
}

unsafe fn uuid(out: *mut u8, d: c_int) -> c_int {
    device(d, |s| {
        let mut uuid = *b"neyman-stand-in!";
        uuid[15] += s.number as u8;
        unsafe { std::ptr::copy_nonoverlapping(uuid.as_ptr(), out, 16) };
        OK
    })
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetUuid(out: *mut u8, d: c_int) -> c_int {
    unsafe { uuid(out, d) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetUuid_v2(out: *mut u8, d: c_int) -> c_int {
    unsafe { uuid(out, d) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceTotalMem_v2(out: *mut usize, d: c_int) -> c_int {
    device(d, |s| {
        unsafe { *out = s.env.memory };
        OK
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetAttribute(
    out: *mut c_int,
    attribute: c_int,
    d: c_int,
) -> c_int {
    device(d, |s| {
        let v = match attribute {
            1..=3 => 1024,                // threads of a block, along x, along y
            4 => 64,                      // along z
            5 => i32::MAX,                // blocks along x
            6 | 7 => 65_535,              // along y and z
            8 => SHARED_DEFAULT.min(s.env.opt_in()) as c_int, // shared memory of a block
            9 => 65_536,                  // constant memory
            10 => 32,                     // warp
            12 | 82 => 65_536,            // registers of a block, of a multiprocessor
            13 => 1_000_000,              // clock, kHz
            14 => 512,                    // texture alignment
            16 => s.env.run.multiprocessors as c_int,
            31 | 41 => 1,    // concurrent kernels, unified addresses
            36 => 1_000_000, // memory clock, kHz
            37 => 4096,      // bus width
            38 => 50 << 20,  // L2
            39 => 2048,      // threads of a multiprocessor
            40 => 1,         // copy engines
            75 => s.env.capability.0,
            76 => s.env.capability.1,
            81 => s.env.shared as c_int,
            87 => 2, // single to double rate
            95 => 1, // cooperative launch
            97 => s.env.opt_in() as c_int,
            106 => 32,   // blocks of a multiprocessor
            111 => SHARED_KEPT as c_int, // shared memory that the system keeps
            115 => 1,    // memory pools
            ..=0 | 150.. => return INVALID_VALUE,
            _ => 0,
        };
        unsafe { *out = v };
        OK
    })
}
