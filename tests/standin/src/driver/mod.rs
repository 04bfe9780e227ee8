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
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::Instant;

/// A kernel handed out by `cuModuleGetFunction`.
struct Function {
    module: usize,
    kernel: usize,
    dynamic_limit: usize,
}

/// Everything the driver knows.
struct State {
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
    initialised: bool,
    launches: u64,
    /// An error that only a new context ends.
    sticky: c_int,
    executed: BTreeMap<String, report::Executed>,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| {
    let env = Environment::read();
    report::at_exit();
    Mutex::new(State {
        heap: Heap::new(env.global_races),
        env,
        syncs: 1,
        modules: Vec::new(),
        functions: Vec::new(),
        streams: HashMap::new(),
        events: HashMap::new(),
        host: HashMap::new(),
        handles: 0x1000,
        retained: 0,
        initialised: false,
        launches: 0,
        sticky: OK,
        executed: BTreeMap::new(),
    })
});

thread_local! {
    /// The context that is current on this thread.
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// The only context's handle.
const CONTEXT: usize = 0xc0;

fn state() -> MutexGuard<'static, State> {
    // A panic in another call is already on the screen.
    STATE.lock().unwrap_or_else(|e| e.into_inner())
}

impl State {
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
    let mut s = state();
    if !s.initialised {
        return NOT_INITIALIZED;
    }
    if CURRENT.get() == 0 || s.retained == 0 {
        s.say("a call without a current context");
        return INVALID_CONTEXT;
    }
    match s.alive() {
        OK => f(&mut s),
        e => e,
    }
}
