//! A loaded PTX text: its kernels, its variables in device memory, and what has been executed of it.

use crate::block::{Block, Fault, Launch, Shape};
use crate::decode::kernels;
use crate::memory::Heap;
use crate::parse::parse;
use crate::program::Kernel;
use std::collections::HashMap;

/// The newest PTX that the pretended driver reads, times ten.
pub const NEWEST_PTX: u32 = 82;

/// Why a text was not loaded.
pub enum Refused {
    /// It needs a newer driver or another card.
    Version(String),
    /// It cannot be read, or holds something that is not supported.
    Text(String),
}

/// A kernel and how often its steps were done.
pub struct Loaded {
    /// The kernel.
    pub kernel: Kernel,
    /// One count for each step.
    pub counts: Vec<u64>,
    /// Launches that ended well.
    pub launches: u64,
}

/// A module.
pub struct Module {
    /// Its kernels.
    pub kernels: Vec<Loaded>,
    /// Its variables: address and bytes.
    pub variables: HashMap<String, (u64, usize)>,
    /// The lines of its text, for messages.
    pub lines: Vec<String>,
}

/// Settings of the machine.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Settings {
    /// Races in shared memory.
    pub shared_races: bool,
    pub multiprocessors: u32,
    /// Jumps that a launch may make.
    pub budget: u64,
    /// Blocks that are under way at a time, taking turns at each barrier.
    pub resident: usize,
}

impl Module {
    /// Reads and checks a text, and gives its variables their memory.
    pub fn load(text: &str, heap: &mut Heap) -> Result<Module, Refused> {
        let tree = parse(text).map_err(Refused::Text)?;
        if tree.version > NEWEST_PTX {
            return Err(Refused::Version(format!(
                "PTX {} is newer than the driver",
                f64::from(tree.version) / 10.0
            )));
        }
        if tree.target > 90 {
            return Err(Refused::Version(format!(
                "the target sm_{} is newer than the card",
                tree.target
            )));
        }
        let mut variables = HashMap::new();
        for v in tree.vars.iter().filter(|v| v.space == "global" || v.space == "const") {
            let at = heap.allocate(v.bytes);
            let mut bytes = v.init.clone();
            bytes.resize(v.bytes, 0);
            if let Ok((area, _)) = heap.range(at, v.bytes) {
                area.put(0, &bytes);
            }
            variables.insert(v.name.clone(), (at, v.bytes));
        }
        let addresses = variables.iter().map(|(n, v)| (n.clone(), v.0)).collect();
        let kernels = kernels(&tree, &addresses).map_err(Refused::Text)?;
        let kernels = kernels
            .into_iter()
            .map(|kernel| Loaded { counts: vec![0; kernel.code.len()], kernel, launches: 0 })
            .collect();
        Ok(Module {
            kernels,
            variables,
            lines: text.lines().map(|l| l.trim().to_string()).collect(),
        })
    }

    /// Runs a kernel to its end. The error is a message for people.
    pub fn launch(
        &mut self,
        which: usize,
        shape: Shape,
        params: &[u8],
        heap: &mut Heap,
        syncs: &mut u32,
        set: &Settings,
    ) -> Result<(), String> {
        if *syncs > u32::MAX / 2 {
            heap.forget();
            *syncs = 0;
        }
        let loaded = &mut self.kernels[which];
        *syncs += 1;
        let began = *syncs;
        let mut launch = Launch {
            kernel: &loaded.kernel,
            params,
            shape,
            heap,
            syncs,
            counts: &mut loaded.counts,
            budget: set.budget,
        };
        let result = run(&mut launch, began, set);
        // The host's next launch comes after everything.
        *syncs += 1;
        match result {
            Ok(()) => {
                loaded.launches += 1;
                Ok(())
            }
            Err(f) => {
                let k = &loaded.kernel;
                let line = k.lines[f.pc as usize] as usize;
                let source = self.lines.get(line - 1).map_or("", String::as_str);
                let [x, y, z] = f.block;
                Err(format!(
                    "{}: line {line}: `{source}`: block ({x},{y},{z}) thread {}: {}",
                    k.name, f.thread, f.why
                ))
            }
        }
    }
}

fn run(launch: &mut Launch, began: u32, set: &Settings) -> Result<(), Fault> {
    let blocks: u32 = launch.shape.grid.iter().product();
    let mut next = 0;
    let mut running: Vec<Block> = Vec::new();
    while next < blocks || !running.is_empty() {
        while running.len() < set.resident.max(1) && next < blocks {
            running.push(Block::new(launch, next, began, set.shared_races));
            next += 1;
        }
        let mut error = None;
        running.retain_mut(|b| {
            error.is_none()
                && b.phase(launch).unwrap_or_else(|e| {
                    error = Some(e);
                    false
                })
        });
        if let Some(e) = error {
            return Err(e);
        }
    }
    Ok(())
}
