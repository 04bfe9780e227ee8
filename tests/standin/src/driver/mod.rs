//! The driver's C functions: those that cudarc calls for what this project does, and no others.
//!
//! A function that is missing here makes cudarc panic by name, so a new call shows in the first test.
#![allow(non_snake_case, clippy::missing_safety_doc, missing_docs)]

mod codes;
mod context;
mod device;
mod launch;
mod memory;
mod module;
mod report;
mod stream;

use crate::memory::Heap;
use crate::module::Module;
use crate::settings::{Environment, Failure};
use codes::*;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::Instant;

/// A kernel handed out by `cuModuleGetFunction`.
struct Function {
    module: usize,
    kernel: usize,
    dynamic_limit: usize,
}

/// Everything the driver knows of a device. Each has its own lock: they run side by side.
struct State {
    number: usize,
    env: Environment,
    heap: Heap,
    syncs: u32,
    modules: Vec<Option<Module>>,
    functions: Vec<Function>,
    streams: HashMap<usize, bool>,
    events: HashMap<usize, Option<Instant>>,
    /// Memory of the host that the driver gave out.
    host: HashMap<usize, Vec<u64>>,
    handles: usize,
    retained: usize,
    launches: u64,
    /// Bytes copied to the device, to the host, within the device.
    copied: [u64; 3],
    /// An error that only a new context ends.
    sticky: c_int,
    executed: BTreeMap<String, report::Executed>,
}

static STATES: LazyLock<Vec<Mutex<State>>> = LazyLock::new(|| {
    let env = Environment::read();
    report::at_exit();
    (0..env.devices).map(|number| Mutex::new(State::new(number, &env))).collect()
});

static INITIALISED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The context that is current on this thread.
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// The handle of the first device's context; those of the others follow.
const CONTEXT: usize = 0xc0;
/// Handles of a device begin at this times its number: those of another one are unknown to it.
const HANDLES: usize = 1 << 24;

/// A device by its number.
fn state_of(number: usize) -> Option<MutexGuard<'static, State>> {
    // A panic in another call is already on the screen.
    STATES.get(number).map(|s| s.lock().unwrap_or_else(|e| e.into_inner()))
}

/// The first device.
fn first() -> MutexGuard<'static, State> {
    state_of(0).unwrap_or_else(|| std::process::abort())
}

/// The device of a context.
fn device_of(context: usize) -> Option<usize> {
    context.checked_sub(CONTEXT).filter(|n| *n < STATES.len())
}

fn initialised() -> bool {
    INITIALISED.load(Ordering::SeqCst)
}

impl State {
    fn new(number: usize, env: &Environment) -> State {
        let mut env = env.clone();
        env.failure = env.failure.filter(|_| env.failing.is_none_or(|d| d == number));
        State {
            number,
            heap: Heap::of_device(number, env.global_races),
            env,
            syncs: 1,
            modules: Vec::new(),
            functions: Vec::new(),
            streams: HashMap::new(),
            events: HashMap::new(),
            host: HashMap::new(),
            handles: number * HANDLES + 0x10_0000,
            retained: 0,
            launches: 0,
            copied: [0; 3],
            sticky: OK,
            executed: BTreeMap::new(),
        }
    }

    /// Modules and functions are numbered from one.
    fn numbered(&self, count: usize) -> usize {
        self.number * HANDLES + count
    }

    /// What `numbered` numbered, from zero.
    fn place(&self, handle: usize) -> usize {
        handle.wrapping_sub(self.number * HANDLES + 1)
    }

    /// A new handle.
    fn handle(&mut self) -> usize {
        self.handles += 16;
        self.handles
    }

    /// What stands in the way of every call: a lost device.
    fn alive(&self) -> c_int {
        match self.env.failure {
            Some(Failure::LostAfter(n, code)) if self.launches >= n => code,
            _ => self.sticky,
        }
    }
}

/// Runs `f` if the driver is initialised, a context is current on this thread and the device is well.
fn with(f: impl FnOnce(&mut State) -> c_int) -> c_int {
    if !initialised() {
        return NOT_INITIALIZED;
    }
    let current = device_of(CURRENT.get()).and_then(state_of).filter(|s| s.retained > 0);
    let Some(mut s) = current else {
        first().say("a call without a current context");
        return INVALID_CONTEXT;
    };
    match s.alive() {
        OK => f(&mut s),
        e => e,
    }
}
