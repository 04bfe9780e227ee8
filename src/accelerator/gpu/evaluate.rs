//! NLL and gradient of a block of lanes.

use super::shaders::Kernel;
use super::{Gpu, LANES, words};
use crate::Result;
use crate::accelerator::layout::{Header, Use, check_block, lay_out, slot};
use crate::accelerator::{LaneBlock, LaneValues};

impl Gpu {
    pub(super) fn evaluate_block(
        &self,
        block: &LaneBlock<'_>,
        out: &mut LaneValues<'_>,
    ) -> Result<()> {
        check_block(&self.header, LANES, block, out)?;
        let n = self.header.n_parameters as usize;
        let (n_main, n_auxiliary) = (self.header.n_main as usize, self.header.n_auxiliary as usize);
        let context = &*self.context;
        let _turn = context.busy.lock().unwrap_or_else(|e| e.into_inner());
        let arithmetic = context.evaluation();
        let pipeline = context.pipeline(Kernel::Evaluate)?;
        let mut header = Header { n_fits: LANES as u32, ..self.header };
        lay_out(&mut header, Use::Evaluate);
        // a workgroup a point where memory allows: software rasterizers allow few rounds of loops
        let (real, low) = (arithmetic.real_words(), arithmetic.low_words());
        header.n_slots = slot::count(&header, 4 * real, 4 * low, context.binding(), LANES as u32);
        header.d_start = ((n_main + n_auxiliary) * LANES) as u32;
        header.r_results = header.n_slots * header.reals_slot;
        header.l_results = header.n_slots * header.lows_slot;
        let lane =
            |v: &[f64], l: usize| v.iter().skip(l).step_by(LANES).copied().collect::<Vec<_>>();
        let mut data = Vec::new();
        for l in 0..LANES {
            let row = lane(block.main, l).into_iter().chain(lane(block.auxiliary, l));
            words::encode_real(arithmetic, row, &mut data);
        }
        for l in 0..LANES {
            words::encode_real(arithmetic, lane(block.parameters, l), &mut data);
        }
        let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        let n_lows = u64::from(header.l_results) + (2 * n * LANES) as u64;
        let data = context.table("data", &data)?;
        let n_reals = u64::from(header.r_results) + LANES as u64;
        let reals = context.buffer("working memory", n_reals * real, storage)?;
        let lows = context.buffer("working memory", n_lows * low, storage)?;
        let control = context.buffer("results", 2 * LANES as u64 + 1, storage)?;
        let buffers = [&self.index, &self.numbers, &data, &reals, &lows, &control];
        self.dispatch(pipeline, &header, &buffers)?;
        let parts = [
            (&reals, u64::from(header.r_results) * real, LANES as u64 * real),
            (&lows, u64::from(header.l_results) * low, (2 * n * LANES) as u64 * low),
            (&control, 0, 2 * LANES as u64 + 1),
        ];
        let read = context.read(&parts)?;
        if read[2][2 * LANES] != 0 {
            return Err(context.cut(Kernel::Evaluate));
        }
        let nll = words::decode_real(arithmetic, &read[0]);
        let slopes = words::decode_low(arithmetic, &read[1]);
        for l in 0..LANES {
            let impossible = read[2][2 * l] != 0;
            out.nll[l] = if impossible { f64::INFINITY } else { nll[l] };
            out.negative_bin[l] = f64::from(read[2][2 * l + 1] as i32);
            for k in 0..n {
                out.gradient[k * LANES + l] = slopes[2 * l * n + k];
                if !out.jump.is_empty() {
                    out.jump[k * LANES + l] = slopes[(2 * l + 1) * n + k];
                }
            }
        }
        Ok(())
    }

    /// Run a kernel on as many workgroups as there are slots; `buffers` in the order of their bindings.
    pub(super) fn dispatch(
        &self,
        pipeline: &wgpu::ComputePipeline,
        header: &Header,
        buffers: &[&wgpu::Buffer],
    ) -> Result<()> {
        self.context.queue.write_buffer(&self.index, 0, bytemuck::bytes_of(header));
        self.context.dispatch(pipeline, header.n_slots, buffers)
    }
}
