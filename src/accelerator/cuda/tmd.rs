//! Sums over nodes of products of two shapes, from tables in device memory.

use std::sync::Arc;

use cudarc::driver::{CudaSlice, DeviceRepr, PushKernelArg};

use super::CudaDevice;
use super::driver::{Context, blocks};
use crate::Result;
use crate::accelerator::DeviceInfo;
use crate::accelerator::tmd::{Header, Sums, TmdDevice, TmdTables};

/// Points that a block works on side by side: WARPS in `cuda/block.cuh`.
const WARPS: u32 = 4;
/// Blocks that wait for each multiprocessor; more would only take turns.
const WAVES: u32 = 16;
/// Bytes of one array of results.
const MOST: u64 = 1 << 28;

// SAFETY: words without padding, as TmdHeader in `cuda/tmd.cuh` has them.
unsafe impl DeviceRepr for Header {}

/// A card with tables loaded.
pub struct CudaTmd {
    context: Arc<Context>,
    info: DeviceInfo,
    tables: TmdTables,
    index: CudaSlice<u32>,
    numbers: CudaSlice<f64>,
}

impl CudaTmd {
    /// Opens a card and loads the tables.
    ///
    /// # Errors
    /// Where the driver refuses the card or the kernels, and where there is no memory.
    pub fn open(device: CudaDevice, reason: &str, tables: TmdTables) -> Result<Self> {
        let info = device.device_info(reason);
        let context = Context::shared(device)?;
        let index = context.table("the plan's indices", &tables.index)?;
        let numbers = context.table("the plan's numbers", &tables.numbers)?;
        context.wait()?;
        Ok(Self { context, info, tables, index, numbers })
    }

    fn run(&self, parameters: &[f64], slopes: bool) -> Result<Sums> {
        let (context, stream) = (&*self.context, &self.context.stream);
        let n = self.tables.header.n_parameters as usize;
        let rows = parameters.len() / n;
        let mut header = self.tables.call(rows, 0, slopes);
        let groups = header.n_items.div_ceil(WARPS).min(WAVES * context.device.multiprocessors);
        header.n_groups = groups;
        let n_items = header.n_items as usize;
        let wanted = if slopes { n_items * n } else { 0 };
        let parameters = context.table("parameters", parameters)?;
        let mut values = context.room::<f64>("results", 2 * n_items)?;
        let mut jacobian = context.room::<f64>("derivatives", wanted)?;
        let mut call = stream.launch_builder(&context.tmd);
        call.arg(&header).arg(&self.index).arg(&self.numbers).arg(&parameters);
        call.arg(&mut values).arg(&mut jacobian);
        // SAFETY: the kernel's arguments in its order (cuda/tmd.cuh), each as long as the header says.
        unsafe { call.launch(blocks(groups)) }
            .map_err(|e| context.error("starting a kernel", e))?;
        let values = context.read(&values, 0, 2 * n_items)?;
        let jacobian = context.read(&jacobian, 0, wanted)?;
        Ok(self.tables.finish(&values, jacobian))
    }
}

impl TmdDevice for CudaTmd {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn sums(&self, parameters: &[f64], slopes: bool) -> Result<Sums> {
        let _turn = self.context.busy.lock().unwrap_or_else(|e| e.into_inner());
        let row = self.tables.header.n_parameters as usize;
        let mut all = Sums::default();
        for rows in parameters.chunks(row * self.tables.rows(8, MOST)) {
            all.append(self.run(rows, slopes)?);
        }
        Ok(all)
    }
}
