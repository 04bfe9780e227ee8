//! The driver: whether there is one, which cards it sees, and a card opened with the kernels loaded.
//!
//! `cudarc` binds each function when it is first called, and panics where the library or the function is
//! missing: so the library is looked for before anything else, and only functions are called that every
//! driver since CUDA 11.2 has.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use cudarc::driver::{
    CudaContext, CudaFunction, CudaSlice, CudaStream, DeviceRepr, DriverError, LaunchConfig,
    result, sys,
};

use super::{CudaDevice, SharedMemory};
use crate::Result;

use sys::CUfunction_attribute_enum as Function;

/// The kernels, as `scripts/ptx.py` compiles them.
const KERNELS: &str = include_str!("../../../cuda/neyman.ptx");
/// Most threads of a block: W in `cuda/header.cuh`.
pub(super) const BLOCK: u32 = 128;
/// The oldest driver that reads the kernels and has all functions that are called.
const OLDEST: i32 = 11020;
/// Blocks of as many that a multiprocessor surely has room for: BLOCKS in `cuda/header.cuh`.
pub(super) const BLOCKS: u32 = 4;

/// What the driver says, in its words.
pub(super) fn words(error: DriverError) -> String {
    let text = |t: Result<&std::ffi::CStr, DriverError>| {
        t.map_or("an error without a name".into(), |t| t.to_string_lossy().into_owned())
    };
    format!("{} ({})", text(error.error_string()), text(error.error_name()))
}

/// The driver's version, 12020 for CUDA 12.2.
fn version() -> Result<i32, String> {
    static FOUND: OnceLock<Result<i32, String>> = OnceLock::new();
    let find = || {
        // SAFETY: loads the driver's library, whose initialisers are NVIDIA's; nothing is called.
        if !unsafe { sys::is_culib_present() } {
            let library = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };
            return Err(format!("{library} is not there: NVIDIA's driver brings it"));
        }
        let told = |e| format!("the driver says: {}", words(e));
        result::init().map_err(told)?;
        let mut version = 0;
        // SAFETY: `version` outlives the call.
        unsafe { sys::cuDriverGetVersion(&mut version) }.result().map_err(told)?;
        if version < OLDEST {
            let [has, needs] = [version, OLDEST].map(name_of_version);
            return Err(format!("the driver supports {has}, and {needs} is needed"));
        }
        Ok(version)
    };
    FOUND.get_or_init(find).clone()
}

fn name_of_version(version: i32) -> String {
    format!("CUDA {}.{}", version / 1000, version % 1000 / 10)
}

/// All cards, or why there are none.
pub(super) fn list() -> Result<Vec<CudaDevice>, String> {
    let driver = name_of_version(version()?);
    let told = |e| format!("the driver says: {}", words(e));
    let count = result::device::get_count().map_err(told)?;
    if count == 0 {
        return Err("the driver sees no card".into());
    }
    let describe = |index| -> Result<CudaDevice, DriverError> {
        let device = result::device::get(index)?;
        use sys::CUdevice_attribute_enum as Attribute;
        // SAFETY: `device` is the driver's own.
        let attribute = |a| unsafe { result::device::get_attribute(device, a) };
        Ok(CudaDevice {
            index: index as usize,
            name: result::device::get_name(device)?,
            driver: driver.clone(),
            // SAFETY: as above.
            memory: unsafe { result::device::total_mem(device) }? as u64,
            capability: (
                attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
                attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
            ),
            multiprocessors: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as u32,
            shared: SharedMemory {
                multiprocessor: attribute(
                    Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR,
                )? as u32,
                block: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?
                    as u32,
                reserved: attribute(
                    Attribute::CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK,
                )? as u32,
            },
        })
    };
    (0..count).map(|i| describe(i).map_err(told)).collect()
}

/// A card opened, shared by all programs that run on it.
pub(super) struct Context {
    pub(super) device: CudaDevice,
    pub(super) context: Arc<CudaContext>,
    pub(super) stream: Arc<CudaStream>,
    pub(super) evaluate: CudaFunction,
    pub(super) fit: CudaFunction,
    pub(super) signal_gradient: CudaFunction,
    pub(super) reduce_shares: CudaFunction,
    pub(super) reduce_toys: CudaFunction,
    pub(super) tmd: CudaFunction,
    pub(super) event_shares: CudaFunction,
    pub(super) flow_columns: CudaFunction,
    pub(super) flow_context: CudaFunction,
    pub(super) flow_outputs: CudaFunction,
    pub(super) flow_change: CudaFunction,
    /// One job at a time: two would only wait for each other.
    pub(super) busy: Mutex<()>,
}

impl Context {
    /// The context of a card that everybody shares; opened where there is none.
    ///
    /// # Errors
    /// Where the driver refuses the card or the kernels.
    pub(super) fn shared(device: CudaDevice) -> Result<Arc<Self>> {
        static OPEN: Mutex<Vec<(usize, Weak<Context>)>> = Mutex::new(Vec::new());
        let index = device.index;
        let mut open = OPEN.lock().unwrap_or_else(|e| e.into_inner());
        let living = open.iter().find(|(i, _)| *i == index).and_then(|(_, c)| c.upgrade());
        if let Some(context) = living {
            return Ok(context);
        }
        let context = Arc::new(Self::open(device)?);
        open.retain(|(i, c)| *i != index && c.strong_count() > 0);
        open.push((index, Arc::downgrade(&context)));
        Ok(context)
    }

    fn open(device: CudaDevice) -> Result<Self> {
        let refused = |what: &str, e| {
            device.error(format!("no CUDA, because the driver refuses {what}: {}", words(e)))
        };
        let card = |e| refused("the card", e);
        // the process's one context for this card, which PyTorch and others use as well
        let context = CudaContext::new(device.index).map_err(card)?;
        // SAFETY: only `stream` below and streams of callers, who order their work themselves, are used
        // with memory of this module.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream().map_err(card)?;
        let module = context.load_module(KERNELS.into()).map_err(|e| refused("the kernels", e))?;
        let kernel = |name: &str| {
            module.load_function(name).map_err(|e| refused(&format!("the kernel {name}"), e))
        };
        let (evaluate, fit) = (kernel("evaluate")?, kernel("fit")?);
        let signal_gradient = kernel("signal_gradient")?;
        let (reduce_shares, reduce_toys) = (kernel("reduce_shares")?, kernel("reduce_toys")?);
        let tmd = kernel("tmd")?;
        let event_shares = kernel("event_shares")?;
        let flow_columns = kernel("flow_columns")?;
        let (flow_context, flow_outputs) = (kernel("flow_context")?, kernel("flow_outputs")?);
        let flow_change = kernel("flow_change")?;
        for kernel in [&evaluate, &fit, &signal_gradient] {
            let told = |e| refused("the shared memory of its blocks", e);
            let own = kernel.get_attribute(Function::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
            let most = device.shared.block as i32 - own.map_err(told)?;
            let room = Function::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            kernel.set_attribute(room, most).map_err(told)?;
        }
        let busy = Mutex::new(());
        Ok(Self {
            device,
            context,
            stream,
            evaluate,
            fit,
            signal_gradient,
            reduce_shares,
            reduce_toys,
            tmd,
            event_shares,
            flow_columns,
            flow_context,
            flow_outputs,
            flow_change,
            busy,
        })
    }

    /// What the driver says against `what`.
    pub(super) fn error(&self, what: &str, error: DriverError) -> crate::Error {
        self.device.error(format!("{what}: {}", words(error)))
    }

    /// Blocks in flight for `n` pieces of work that take `bytes` of working memory each, at most so many on a
    /// multiprocessor.
    ///
    /// # Errors
    /// Where there is no memory for one.
    pub(super) fn slots(&self, n: u32, bytes: u64, at_once: u32) -> Result<u32> {
        let parallel = self.in_flight(n, at_once);
        // to ask for what is free takes longer than a small kernel
        if bytes == 0 {
            return Ok(parallel);
        }
        let (free, _) = self.context.mem_get_info().map_err(|e| self.error("memory", e))?;
        let room = free as u64 / 2 / bytes;
        if room == 0 {
            return Err(self.device.error(format!(
                "out of memory: {bytes} bytes of working memory are needed and {free} are free"
            )));
        }
        Ok(u64::from(parallel).min(room) as u32)
    }

    /// The same where they take none.
    pub(super) fn in_flight(&self, n: u32, at_once: u32) -> u32 {
        n.min(at_once * self.device.multiprocessors).max(1)
    }

    /// A copy in device memory.
    pub(super) fn table<T: DeviceRepr>(&self, what: &str, values: &[T]) -> Result<CudaSlice<T>> {
        self.table_on(&self.stream, what, values)
    }

    /// A copy in device memory, made in the order of `stream`.
    pub(super) fn table_on<T: DeviceRepr>(
        &self,
        stream: &Arc<CudaStream>,
        what: &str,
        values: &[T],
    ) -> Result<CudaSlice<T>> {
        let mut table = self.room_on(stream, what, values.len())?;
        if !values.is_empty() {
            stream.memcpy_htod(values, &mut table).map_err(|e| self.error(what, e))?;
        }
        Ok(table)
    }

    /// Device memory for `n` numbers, not set to anything.
    pub(super) fn room<T: DeviceRepr>(&self, what: &str, n: usize) -> Result<CudaSlice<T>> {
        self.room_on(&self.stream, what, n)
    }

    /// The same in the order of `stream`.
    pub(super) fn room_on<T: DeviceRepr>(
        &self,
        stream: &Arc<CudaStream>,
        what: &str,
        n: usize,
    ) -> Result<CudaSlice<T>> {
        // SAFETY: kernels write every element before they, or the host, read it.
        let memory = unsafe { stream.alloc(n.max(1)) };
        memory.map_err(|e| self.error(&format!("{what}, {} bytes", n * size_of::<T>()), e))
    }

    /// What stands in device memory from `from` on.
    pub(super) fn read<T: DeviceRepr + Default + Clone>(
        &self,
        memory: &CudaSlice<T>,
        from: usize,
        n: usize,
    ) -> Result<Vec<T>> {
        let mut values = vec![T::default(); n];
        let failed = |e| self.error("reading results", e);
        self.stream.memcpy_dtoh(&memory.slice(from..from + n), &mut values).map_err(failed)?;
        self.wait()?;
        Ok(values)
    }

    /// Wait for everything asked of the card.
    pub(super) fn wait(&self) -> Result<()> {
        self.stream.synchronize().map_err(|e| self.error("the card", e))
    }
}

/// So many blocks.
pub(super) fn blocks(n: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: (n, 1, 1), block_dim: (BLOCK, 1, 1), shared_mem_bytes: 0 }
}
