//! Sums over nodes of products of two shapes, from tables in a graphics processor's memory.

use std::sync::Arc;

use super::context::Context;
use super::shaders::{Arithmetic, Kernel};
use super::words::{decode_real, encode_real};
use crate::Result;
use crate::accelerator::DeviceInfo;
use crate::accelerator::tmd::{Sums, TmdDevice, TmdTables};

/// Bytes of one array of results.
const MOST: u64 = 1 << 27;

/// A graphics processor with tables loaded.
pub struct GpuTmd {
    context: Arc<Context>,
    info: DeviceInfo,
    tables: TmdTables,
    /// A header, written anew for each call, and the indices.
    job: wgpu::Buffer,
    numbers: wgpu::Buffer,
}

impl GpuTmd {
    /// TmdTables on an open device.
    ///
    /// # Errors
    /// Where the device has no memory for them.
    pub fn new(context: Arc<Context>, info: DeviceInfo, tables: TmdTables) -> Result<Self> {
        let header: &[u32] = bytemuck::cast_slice(std::slice::from_ref(&tables.header));
        let job = context.table("the plan's indices", &[header, &tables.index].concat())?;
        let mut words = Vec::new();
        encode_real(context.evaluation(), tables.numbers.iter().copied(), &mut words);
        let numbers = context.table("the plan's numbers", &words)?;
        Ok(Self { context, info, tables, job, numbers })
    }

    fn arithmetic(&self) -> Arithmetic {
        self.context.evaluation()
    }

    fn run(&self, parameters: &[f64], slopes: bool) -> Result<Sums> {
        let (context, arithmetic) = (&*self.context, self.arithmetic());
        let pipeline = context.pipeline(Kernel::Tmd)?;
        let n = self.tables.header.n_parameters as usize;
        let rows = parameters.len() / n;
        let mut header = self.tables.call(rows, 0, slopes);
        header.n_groups = header.n_items.min(context.limits.max_compute_workgroups_per_dimension);
        context.queue.write_buffer(&self.job, 0, bytemuck::bytes_of(&header));
        let mut words = Vec::new();
        encode_real(arithmetic, parameters.iter().copied(), &mut words);
        let parameters = context.table("parameters", &words)?;
        let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        let (n_items, real) = (u64::from(header.n_items), arithmetic.real_words());
        let wanted = if slopes { n_items * n as u64 * real } else { 0 };
        let values = context.buffer("results", 2 * n_items * real, storage)?;
        let jacobian = context.buffer("derivatives", wanted, storage)?;
        let found = context.buffer("results", n_items + 1, storage)?;
        let buffers = [&self.job, &self.numbers, &parameters, &values, &jacobian, &found];
        context.dispatch(pipeline, header.n_groups, &buffers)?;
        let parts =
            [(&values, 0, 2 * n_items * real), (&jacobian, 0, wanted), (&found, 0, n_items + 1)];
        let read = context.read(&parts)?;
        let Some((0, found)) = read[2].split_last() else {
            return Err(context.cut(Kernel::Tmd));
        };
        let mut values = decode_real(arithmetic, &read[0]);
        // an exponential beyond f32 is no number, whatever the kernel made of it
        for (value, beyond) in values.chunks_exact_mut(2).zip(found) {
            if *beyond > 0 {
                value.fill(f64::NAN);
            }
        }
        Ok(self.tables.finish(&values, decode_real(arithmetic, &read[1])))
    }
}

impl TmdDevice for GpuTmd {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn sums(&self, parameters: &[f64], slopes: bool) -> Result<Sums> {
        let _turn = self.context.busy.lock().unwrap_or_else(|e| e.into_inner());
        let row = self.tables.header.n_parameters as usize;
        let bytes = 4 * self.arithmetic().real_words();
        let most = self.tables.rows(bytes, MOST.min(self.context.binding()));
        let mut all = Sums::default();
        for rows in parameters.chunks(row * most) {
            all.append(self.run(rows, slopes)?);
        }
        Ok(all)
    }
}
