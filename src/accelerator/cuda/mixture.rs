//! Sums over events of mixtures, from log-densities in device memory.

use std::sync::Arc;

use cudarc::driver::{CudaSlice, CudaStream, DevicePtr, DeviceRepr, PushKernelArg};

use super::driver::{Context, blocks};
use crate::accelerator::DeviceInfo;
use crate::accelerator::mixture::{
    Column, ColumnMut, MixtureDevice, MixtureInPlace, MixtureSums, Toys, bad_log_density, bad_room,
    bad_weight, nothing_loaded,
};
use crate::{Error, Result};

/// Most events of a share: SHARE in `cuda/reduce.cuh`.
const SHARE: u32 = 1024;
/// Where the event begins in a fault: FAULT_EVENT there.
const FAULT_BITS: u32 = 22;
/// No fault: NONE in `cuda/header.cuh`.
const NONE: u32 = u32::MAX;
/// Blocks that wait for each multiprocessor; more would only take turns.
const WAVES: u32 = 16;

/// Log-densities that a card holds.
enum Loaded {
    F64(CudaSlice<f64>),
    F32(CudaSlice<f32>),
}

/// A card opened for batches of one shape.
pub struct CudaMixture {
    context: Arc<Context>,
    info: DeviceInfo,
    toys: Toys,
    shares: CudaSlice<u32>,
    first_share: CudaSlice<u32>,
    n_shares: u32,
    /// First event of each share.
    begins: Vec<u32>,
    loaded: Option<(Loaded, Option<CudaSlice<f64>>)>,
}

/// Copies of `n` numbers at an address of the device.
///
/// # Safety
/// There are so many, alive until the call returns.
unsafe fn at_address<T: DeviceRepr + Default + Clone>(
    context: &Context,
    stream: &Arc<CudaStream>,
    address: u64,
    values: &mut [T],
) -> Result<()> {
    // SAFETY: the caller's; it is not freed here, since it is leaked below.
    let memory = unsafe { stream.upgrade_device_ptr::<T>(address, values.len()) };
    let copied = stream.memcpy_dtoh(&memory, values).and_then(|()| stream.synchronize());
    memory.leak();
    copied.map_err(|e| context.error("reading results", e))
}

impl CudaMixture {
    /// Opens a card, the first one without a number.
    ///
    /// # Errors
    /// Where there is no such card, where the driver refuses it or the kernels, and where there is no memory.
    pub fn open(index: Option<usize>, toys: Toys) -> Result<Self> {
        if toys.processes() >= (1 << FAULT_BITS) - 1 {
            return Err(Error::Argument(format!(
                "{} processes; a card takes fewer than {}",
                toys.processes(),
                (1 << FAULT_BITS) - 1
            )));
        }
        let device = super::find(index)?;
        let info = device.device_info("asked for");
        let context = Context::shared(device)?;
        let (shares, first_share) = toys.shares(SHARE);
        let begins: Vec<u32> = shares.iter().copied().step_by(3).collect();
        let n_shares = begins.len() as u32;
        let shares = context.table("shares of events", &shares)?;
        let first_share = context.table("shares of events", &first_share)?;
        // callers' streams know nothing of this one
        context.wait()?;
        let loaded = None;
        Ok(Self { context, info, toys, shares, first_share, n_shares, begins, loaded })
    }

    /// Sums over arrays on the device, in the order of `stream`.
    fn run(
        &self,
        stream: &Arc<CudaStream>,
        arrays: &MixtureInPlace,
        log_yields: &[f64],
        gradient: bool,
    ) -> Result<Vec<MixtureSums>> {
        let (context, n_toys, processes) = (&*self.context, self.toys.n(), self.toys.processes());
        if log_yields.len() != n_toys * processes {
            return Err(Error::Argument(format!(
                "{} yields for {n_toys} toys of {processes} processes",
                log_yields.len()
            )));
        }
        let _turn = context.busy.lock().unwrap_or_else(|e| e.into_inner());
        let terms = 1 + processes;
        let room = |n| context.room_on::<f64>(stream, "working memory", n);
        let log_yields = context.table_on(stream, "yields", log_yields)?;
        let mut partials = room(2 * terms * self.begins.len())?;
        let mut counts = context.room_on::<u32>(stream, "working memory", 2 * self.begins.len())?;
        let mut sums = room(terms * n_toys)?;
        let mut found = context.room_on::<u32>(stream, "results", 3 * n_toys)?;
        let [single, wanted] = [arrays.single, gradient].map(u32::from);
        let (p, n_events) = (processes as u32, self.toys.events() as u32);
        let started = |e| context.error("starting a kernel", e);
        let most = WAVES * context.device.multiprocessors;
        if self.n_shares > 0 {
            let mut call = stream.launch_builder(&context.reduce_shares);
            call.arg(&single).arg(&p).arg(&n_events).arg(&self.n_shares).arg(&wanted);
            call.arg(&arrays.log_p).arg(&arrays.weights).arg(&arrays.slopes);
            call.arg(&self.shares).arg(&log_yields).arg(&mut partials).arg(&mut counts);
            // SAFETY: the kernel's arguments in its order (cuda/reduce.cuh), each as long as the shape says;
            // those in `arrays` as whoever made them promises.
            unsafe { call.launch(blocks(self.n_shares.min(most))) }.map_err(started)?;
        }
        let n = n_toys as u32;
        let mut call = stream.launch_builder(&context.reduce_toys);
        call.arg(&p).arg(&n).arg(&self.n_shares).arg(&wanted).arg(&self.first_share);
        call.arg(&partials).arg(&counts).arg(&mut sums).arg(&mut found);
        // SAFETY: as above.
        unsafe { call.launch(blocks(n.min(most))) }.map_err(started)?;
        let told = |e| context.error("reading results", e);
        let (mut totals, mut findings) = (vec![0.0; terms * n_toys], vec![0; 3 * n_toys]);
        stream.memcpy_dtoh(&sums, &mut totals).map_err(told)?;
        stream.memcpy_dtoh(&found, &mut findings).map_err(told)?;
        stream.synchronize().map_err(told)?;
        let (rows, findings) = (totals.chunks_exact(terms), findings.chunks_exact(3));
        rows.zip(findings)
            .map(|(row, found)| {
                if found[1] != NONE {
                    return Err(self.fault(stream, arrays, found[1], found[2]));
                }
                Ok(MixtureSums {
                    log_likelihood: row[0],
                    zero_density: found[0] as usize,
                    first: if gradient { row[1..].to_vec() } else { Vec::new() },
                })
            })
            .collect()
    }

    /// What is wrong with an event, its number read from the device.
    fn fault(
        &self,
        stream: &Arc<CudaStream>,
        arrays: &MixtureInPlace,
        share: u32,
        fault: u32,
    ) -> Error {
        let event = self.begins[share as usize] as usize + (fault >> FAULT_BITS) as usize;
        let weight_or_process = (fault & ((1 << FAULT_BITS) - 1)) as usize;
        let number = |address: u64, at: usize, single: bool| -> Result<f64> {
            let context = &*self.context;
            if single {
                let mut value = [0_f32];
                // SAFETY: a kernel has read it.
                unsafe { at_address(context, stream, address + 4 * at as u64, &mut value) }?;
                return Ok(f64::from(value[0]));
            }
            let mut value = [0_f64];
            // SAFETY: as above.
            unsafe { at_address(context, stream, address + 8 * at as u64, &mut value) }?;
            Ok(value[0])
        };
        let told = match weight_or_process.checked_sub(1) {
            None => number(arrays.weights, event, false).map(|w| bad_weight(event, w)),
            Some(process) => {
                let at = process * self.toys.events() + event;
                let value = number(arrays.log_p, at, arrays.single);
                value.map(|log| bad_log_density(process, event, log))
            }
        };
        told.unwrap_or_else(|error| error)
    }

    /// Sums over what is loaded, the slopes copied to `slopes`.
    fn run_loaded<T: DeviceRepr>(
        &self,
        log_p: &CudaSlice<T>,
        arrays: &MixtureInPlace,
        log_yields: &[f64],
        gradient: bool,
        slopes: Option<&mut [T]>,
    ) -> Result<Vec<MixtureSums>> {
        let (context, stream) = (&*self.context, &self.context.stream);
        let log_p = log_p.device_ptr(stream).0;
        let Some(slopes) = slopes else {
            let arrays = MixtureInPlace { log_p, ..*arrays };
            return self.run(stream, &arrays, log_yields, gradient);
        };
        let room = context.room::<T>("derivatives", slopes.len())?;
        let arrays = MixtureInPlace { log_p, slopes: room.device_ptr(stream).0, ..*arrays };
        let sums = self.run(stream, &arrays, log_yields, gradient)?;
        if !slopes.is_empty() {
            let told = |e| context.error("reading results", e);
            stream.memcpy_dtoh(&room.slice(..slopes.len()), slopes).map_err(told)?;
            context.wait()?;
        }
        Ok(sums)
    }
}

impl MixtureDevice for CudaMixture {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn toys(&self) -> &Toys {
        &self.toys
    }

    fn load(&mut self, log_p: Column<'_>, weights: Option<&[f64]>) -> Result<()> {
        self.toys.check(log_p, weights)?;
        // the memory of the last ones is free for these
        self.loaded = None;
        let context = &*self.context;
        let what = "log-densities";
        let log_p = match log_p {
            Column::F64(all) => Loaded::F64(context.table(what, all)?),
            Column::F32(all) => Loaded::F32(context.table(what, all)?),
        };
        let weights = weights.map(|w| context.table("weights", w)).transpose()?;
        // what was copied from is the caller's again
        context.wait()?;
        self.loaded = Some((log_p, weights));
        Ok(())
    }

    fn sums(
        &self,
        log_yields: &[f64],
        gradient: bool,
        slopes: Option<ColumnMut<'_>>,
    ) -> Result<Vec<MixtureSums>> {
        let Some((log_p, weights)) = &self.loaded else { return Err(nothing_loaded()) };
        let single = matches!(log_p, Loaded::F32(_));
        if let Some(slopes) = &slopes {
            bad_room(slopes, single, self.toys.events() * self.toys.processes())?;
        }
        let weights = weights.as_ref().map_or(0, |w| w.device_ptr(&self.context.stream).0);
        let arrays = MixtureInPlace { log_p: 0, weights, slopes: 0, single, stream: 0 };
        match (log_p, slopes) {
            (Loaded::F64(log_p), Some(ColumnMut::F64(slopes))) => {
                self.run_loaded(log_p, &arrays, log_yields, gradient, Some(slopes))
            }
            (Loaded::F32(log_p), Some(ColumnMut::F32(slopes))) => {
                self.run_loaded(log_p, &arrays, log_yields, gradient, Some(slopes))
            }
            (Loaded::F64(log_p), _) => self.run_loaded(log_p, &arrays, log_yields, gradient, None),
            (Loaded::F32(log_p), _) => self.run_loaded(log_p, &arrays, log_yields, gradient, None),
        }
    }

    unsafe fn sums_in_place(
        &self,
        arrays: &MixtureInPlace,
        log_yields: &[f64],
        gradient: bool,
    ) -> Result<Vec<MixtureSums>> {
        let size: u64 = if arrays.single { 4 } else { 8 };
        let n = (self.toys.events() * self.toys.processes()) as u64;
        let refuse = |what: String| Err(Error::Argument(what));
        if n > 0 && arrays.log_p == 0 {
            return refuse("the address of the log-densities is 0".into());
        }
        let misplaced = |address: u64, size: u64| !address.is_multiple_of(size);
        if misplaced(arrays.log_p, size)
            || misplaced(arrays.slopes, size)
            || misplaced(arrays.weights, 8)
        {
            return refuse(format!(
                "an address of {arrays:?} is not a multiple of its number's size"
            ));
        }
        if arrays.slopes != 0 && arrays.slopes.abs_diff(arrays.log_p) < n * size {
            return refuse("derivatives would overwrite the log-densities they are of".into());
        }
        let context = &*self.context;
        context.context.bind_to_thread().map_err(|e| context.error("the card", e))?;
        // SAFETY: the caller's stream outlives the work, as it promises.
        let stream = unsafe { context.context.wrap_borrowed_stream(arrays.stream as _) };
        self.run(&stream, arrays, log_yields, gradient)
    }
}
