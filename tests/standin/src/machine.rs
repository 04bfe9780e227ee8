//! The machine without the driver: for tests of the interpreter itself.

use crate::block::Shape;
use crate::memory::Heap;
use crate::module::{Module, Refused, Settings};

/// A loaded text and its device memory.
pub struct Machine {
    /// Device memory.
    pub heap: Heap,
    module: Module,
    syncs: u32,
    /// How it runs.
    pub settings: Settings,
}

impl Machine {
    /// Loads `text`; the error is what the driver would print.
    pub fn load(text: &str) -> Result<Machine, String> {
        let mut heap = Heap::new(true);
        let module = Module::load(text, &mut heap).map_err(|e| match e {
            Refused::Text(e) | Refused::Version(e) => e,
        })?;
        let settings =
            Settings { shared_races: true, multiprocessors: 2, budget: 1_000_000_000, resident: 2 };
        Ok(Machine { heap, module, syncs: 1, settings })
    }

    /// Device memory that holds these numbers.
    pub fn upload(&mut self, values: &[u64]) -> u64 {
        let at = self.heap.allocate(8 * values.len());
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.heap.range(at, bytes.len()).expect("just allocated").0.put(0, &bytes);
        at
    }

    /// Device memory of `n` numbers that hold nothing.
    pub fn room(&mut self, n: usize) -> u64 {
        self.heap.allocate(8 * n)
    }

    /// `n` numbers from device memory.
    pub fn download(&mut self, at: u64, n: usize) -> Vec<u64> {
        let (area, offset) = self.heap.range(at, 8 * n).expect("an allocation");
        area.bytes()[offset..offset + 8 * n]
            .as_chunks()
            .0
            .iter()
            .map(|b| u64::from_le_bytes(*b))
            .collect()
    }

    /// Runs the kernel `name` with 64-bit parameters.
    pub fn launch(
        &mut self,
        name: &str,
        blocks: u32,
        threads: u32,
        shared: usize,
        params: &[u64],
    ) -> Result<(), String> {
        let which = self
            .module
            .kernels
            .iter()
            .position(|k| k.kernel.name == name)
            .ok_or_else(|| format!("no kernel {name}"))?;
        let bytes: Vec<u8> = params.iter().flat_map(|v| v.to_le_bytes()).collect();
        let shape = Shape {
            grid: [blocks, 1, 1],
            block: [threads, 1, 1],
            shared,
            multiprocessors: self.settings.multiprocessors,
        };
        self.module.launch(which, shape, &bytes, &mut self.heap, &mut self.syncs, &self.settings)
    }

    /// Thread instructions so far.
    pub fn instructions(&self) -> u64 {
        self.module
            .kernels
            .iter()
            .flat_map(|k| k.counts.iter().zip(&k.kernel.bounds))
            .filter(|c| c.1.0)
            .map(|c| c.0)
            .sum()
    }
}
