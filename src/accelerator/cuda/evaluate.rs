//! NLL and gradient of a block of lanes.

use cudarc::driver::PushKernelArg;

use super::loaded::{Cuda, LANES};
use super::working::Working;
use crate::Result;
use crate::accelerator::layout::{Header, Use, check_block, lay_out};
use crate::accelerator::{LaneBlock, LaneValues};

/// Lane by lane what stands parameter by parameter.
fn rows(columns: &[f64]) -> Vec<f64> {
    let n = columns.len() / LANES;
    (0..LANES * n).map(|i| columns[i % n * LANES + i / n]).collect()
}

impl Cuda {
    pub(super) fn evaluate_block(
        &self,
        block: &LaneBlock<'_>,
        out: &mut LaneValues<'_>,
    ) -> Result<()> {
        let mut header = Header { n_fits: LANES as u32, ..self.header };
        check_block(&header, LANES, block, out)?;
        lay_out(&mut header, Use::Evaluate);
        let n = header.n_parameters as usize;
        let context = &*self.context;
        let _turn = context.busy.lock().unwrap_or_else(|e| e.into_inner());
        let kernel = &context.evaluate;
        let mut working = Working::new(context, &context.stream, kernel, &mut header, 0)?;
        let main = context.table("data", &rows(block.main))?;
        let auxiliary = context.table("data", &rows(block.auxiliary))?;
        let start = context.table("parameters", &rows(block.parameters))?;
        let mut nll = context.room::<f64>("results", LANES)?;
        let mut slopes = context.room::<f64>("results", 2 * n * LANES)?;
        let mut negative_bins = context.room::<u32>("results", LANES)?;
        let mut call = context.stream.launch_builder(kernel);
        call.arg(&header).arg(&working.resident).arg(&self.index).arg(&self.numbers);
        call.arg(&main).arg(&auxiliary).arg(&start);
        call.arg(&mut working.reals).arg(&mut working.lows);
        call.arg(&mut nll).arg(&mut slopes).arg(&mut negative_bins);
        // SAFETY: the kernel's arguments in its order (cuda/evaluate.cuh), each as long as the header and the slots say.
        unsafe { call.launch(working.launch) }
            .map_err(|e| context.error("starting a kernel", e))?;
        out.nll.copy_from_slice(&context.read(&nll, 0, LANES)?);
        let slopes = context.read(&slopes, 0, 2 * n * LANES)?;
        let negative_bins = context.read(&negative_bins, 0, LANES)?;
        for l in 0..LANES {
            out.negative_bin[l] = f64::from(negative_bins[l] as i32);
            for k in 0..n {
                out.gradient[k * LANES + l] = slopes[2 * l * n + k];
                if !out.jump.is_empty() {
                    out.jump[k * LANES + l] = slopes[(2 * l + 1) * n + k];
                }
            }
        }
        Ok(())
    }
}
