//! Launches: what is asked for is checked, then the kernel runs to its end.

use super::codes::*;
use super::{State, with};
use crate::block::Shape;
use std::ffi::{c_int, c_uint};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuLaunchKernel(
    f: usize,
    gx: c_uint,
    gy: c_uint,
    gz: c_uint,
    bx: c_uint,
    by: c_uint,
    bz: c_uint,
    shared: c_uint,
    stream: usize,
    params: *const *const u8,
    extra: *const usize,
) -> c_int {
    if !extra.is_null() {
        return INVALID_VALUE;
    }
    with(|s| s.on(stream, |s| launch(s, f, [gx, gy, gz], [bx, by, bz], shared as usize, params)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuLaunchCooperativeKernel(
    f: usize,
    gx: c_uint,
    gy: c_uint,
    gz: c_uint,
    bx: c_uint,
    by: c_uint,
    bz: c_uint,
    shared: c_uint,
    stream: usize,
    params: *const *const u8,
) -> c_int {
    with(|s| s.on(stream, |s| launch(s, f, [gx, gy, gz], [bx, by, bz], shared as usize, params)))
}

fn launch(
    s: &mut State,
    f: usize,
    grid: [u32; 3],
    block: [u32; 3],
    shared: usize,
    params: *const *const u8,
) -> c_int {
    let Some((function, k)) = s.function(f) else { return INVALID_HANDLE };
    let threads = block.iter().map(|n| u64::from(*n)).product::<u64>();
    let refuse = if grid.contains(&0) || threads == 0 {
        Some((INVALID_VALUE, "the grid or the block is empty".into()))
    } else if grid[0] > i32::MAX as u32
        || grid[1] > 65_535
        || grid[2] > 65_535
        || block[2] > 64
        || threads > 1024
    {
        Some((INVALID_VALUE, format!("grid {grid:?} of blocks {block:?} is too large")))
    } else if threads > u64::from(k.max_threads) {
        Some((
            OUT_OF_RESOURCES,
            format!("{threads} threads, but it was compiled for {}", k.max_threads),
        ))
    } else if shared > function.dynamic_limit {
        Some((
            INVALID_VALUE,
            format!(
                "{shared} bytes of dynamic shared memory, but its limit is {}",
                function.dynamic_limit
            ),
        ))
    } else {
        None
    };
    if let Some((code, why)) = refuse {
        let name = k.name.clone();
        s.say(&format!("{name}: not launched: {why}"));
        return code;
    }
    let mut buffer = vec![0u8; k.param_bytes];
    for (i, (offset, bytes)) in k.params.iter().enumerate() {
        // SAFETY: the caller gives one pointer for each parameter that the kernel declares.
        unsafe {
            std::ptr::copy_nonoverlapping(*params.add(i), buffer[*offset..].as_mut_ptr(), *bytes)
        };
    }
    let (module, kernel) = (function.module, function.kernel);
    let shape = Shape { grid, block, shared, multiprocessors: s.env.run.multiprocessors };
    let State { modules, heap, syncs, env, .. } = s;
    let Some(m) = &mut modules[module] else { return INVALID_HANDLE };
    let result = m.launch(kernel, shape, &buffer, heap, syncs, &env.run);
    s.launches += 1;
    match result {
        Ok(()) => s.alive(),
        Err(e) => {
            s.say(&format!("error: {e}"));
            s.sticky = ILLEGAL_ADDRESS;
            ILLEGAL_ADDRESS
        }
    }
}
