//! Streams and events. All work is done when it is asked for: an event has happened once it is recorded.

use super::codes::*;
use super::{State, with};
use std::ffi::{c_int, c_uint};
use std::time::Instant;

impl State {
    /// Calls `f` if `stream` is one: the default ones (0, 1, 2), or one that lives.
    pub(super) fn on(&mut self, stream: usize, f: impl FnOnce(&mut State) -> c_int) -> c_int {
        if stream <= 2 || self.streams.contains_key(&stream) { f(self) } else { INVALID_HANDLE }
    }
}

fn create(out: *mut usize) -> c_int {
    with(|s| {
        let h = s.handle();
        s.streams.insert(h, true);
        unsafe { *out = h };
        OK
    })
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamCreate(out: *mut usize, _: c_uint) -> c_int {
    create(out)
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamCreateWithPriority(out: *mut usize, _: c_uint, _: c_int) -> c_int {
    create(out)
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamDestroy_v2(stream: usize) -> c_int {
    with(|s| if s.streams.remove(&stream).is_some() { OK } else { INVALID_HANDLE })
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamSynchronize(stream: usize) -> c_int {
    with(|s| s.on(stream, |_| OK))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamQuery(stream: usize) -> c_int {
    with(|s| s.on(stream, |_| OK))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamIsCapturing(stream: usize, out: *mut c_int) -> c_int {
    with(|s| {
        s.on(stream, |_| {
            unsafe { *out = 0 };
            OK
        })
    })
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamWaitEvent(stream: usize, event: usize, _: c_uint) -> c_int {
    with(|s| s.on(stream, |s| if s.events.contains_key(&event) { OK } else { INVALID_HANDLE }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventCreate(out: *mut usize, _: c_uint) -> c_int {
    with(|s| {
        let h = s.handle();
        s.events.insert(h, None);
        unsafe { *out = h };
        OK
    })
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventDestroy_v2(event: usize) -> c_int {
    with(|s| if s.events.remove(&event).is_some() { OK } else { INVALID_HANDLE })
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventRecord(event: usize, stream: usize) -> c_int {
    with(|s| {
        s.on(stream, |s| match s.events.get_mut(&event) {
            Some(e) => {
                *e = Some(Instant::now());
                OK
            }
            None => INVALID_HANDLE,
        })
    })
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventSynchronize(event: usize) -> c_int {
    with(|s| if s.events.contains_key(&event) { OK } else { INVALID_HANDLE })
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventQuery(event: usize) -> c_int {
    with(|s| if s.events.contains_key(&event) { OK } else { INVALID_HANDLE })
}
fn elapsed(out: *mut f32, from: usize, to: usize) -> c_int {
    with(|s| match (s.events.get(&from), s.events.get(&to)) {
        (Some(Some(a)), Some(Some(b))) => {
            unsafe { *out = b.saturating_duration_since(*a).as_secs_f32() * 1e3 };
            OK
        }
        _ => INVALID_HANDLE,
    })
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventElapsedTime(out: *mut f32, from: usize, to: usize) -> c_int {
    elapsed(out, from, to)
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventElapsedTime_v2(out: *mut f32, from: usize, to: usize) -> c_int {
    elapsed(out, from, to)
}
