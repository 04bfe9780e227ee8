//! NLL and its derivatives with respect to yields that a caller holds in device memory: what a
//! differentiable analysis propagates through.

use cudarc::driver::{CudaStream, PushKernelArg};
use std::sync::Arc;

use super::loaded::Cuda;
use super::working::Working;
use crate::accelerator::layout::{Header, Use, lay_out};
use crate::accelerator::{Problem, YieldBatch};
use crate::{Error, Result};

impl Cuda {
    /// [`Accelerator::signal_gradient`](crate::accelerator::Accelerator::signal_gradient).
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn slopes_in_place(&self, batch: &YieldBatch<'_>) -> Result<()> {
        let mut header = self.header;
        header.n_fits = self.check_yields(batch)?;
        if batch.n == 0 {
            return Ok(());
        }
        lay_out(&mut header, Use::Evaluate);
        let context = &*self.context;
        let (n_main, n_auxiliary) = (header.n_main as usize, header.n_auxiliary as usize);
        let stride = |all: &[f64], one: usize| if all.len() == one { 0 } else { one as u32 };
        header.start_stride = stride(batch.parameters, header.n_parameters as usize);
        let main_stride = stride(batch.main, n_main);
        // a single row of main data has a single row of auxiliary data
        let auxiliary_stride = if main_stride == 0 { 0 } else { header.n_auxiliary };
        let constant = |i: usize| {
            let main = &batch.main[i * n_main..(i + 1) * n_main];
            let auxiliary = &batch.auxiliary[i * n_auxiliary..(i + 1) * n_auxiliary];
            self.program.constant(main, auxiliary)
        };
        let rows = if main_stride == 0 { 1 } else { batch.n };
        let constants: Vec<f64> = (0..rows).map(constant).collect();
        // SAFETY: the caller's stream outlives the work, as it promises.
        let stream: Arc<CudaStream> =
            unsafe { context.context.wrap_borrowed_stream(batch.stream as _) };
        let cells = context.table_on(&stream, "cells", batch.cells)?;
        let main = context.table_on(&stream, "data", batch.main)?;
        let auxiliary = context.table_on(&stream, "data", batch.auxiliary)?;
        let constants = context.table_on(&stream, "data", &constants)?;
        let start = context.table_on(&stream, "parameters", batch.parameters)?;
        let kernel = &context.signal_gradient;
        let mut working = Working::new(context, &stream, kernel, &mut header, self.header.n_cells)?;
        let cells_of_model = header.n_slots as usize * header.n_cells as usize;
        let mut nominal = context.room_on::<f64>(&stream, "working memory", cells_of_model)?;
        let (n_yields, single) = (batch.cells.len() as u32, u32::from(batch.single));
        let mut call = stream.launch_builder(kernel);
        call.arg(&header)
            .arg(&working.resident)
            .arg(&batch.yields)
            .arg(&batch.slopes)
            .arg(&batch.nll);
        call.arg(&n_yields).arg(&single).arg(&main_stride).arg(&auxiliary_stride);
        call.arg(&self.index).arg(&self.numbers).arg(&cells);
        call.arg(&main).arg(&auxiliary).arg(&constants).arg(&start);
        call.arg(&mut working.reals).arg(&mut working.lows).arg(&mut nominal);
        // SAFETY: the kernel's arguments in its order (cuda/signal.cuh), each as long as the header says;
        // the caller's as it promises.
        unsafe { call.launch(working.launch) }
            .map_err(|e| context.error("starting a kernel", e))?;
        Ok(())
    }

    /// Lengths; returns the number of histograms.
    fn check_yields(&self, batch: &YieldBatch<'_>) -> Result<u32> {
        let Header { n_parameters, n_main, n_auxiliary, n_cells, .. } = self.header;
        let rows = |all: &[f64], one: u32, rows: usize| all.len() == one as usize * rows;
        let data = |n| rows(batch.main, n_main, n) && rows(batch.auxiliary, n_auxiliary, n);
        let parameters = |n| rows(batch.parameters, n_parameters, n);
        let mut seen = vec![false; n_cells as usize];
        let new = |c: &u32| {
            seen.get_mut(*c as usize).is_some_and(|there| !std::mem::replace(there, true))
        };
        let fits = (parameters(1) || parameters(batch.n))
            && (data(1) || data(batch.n))
            && batch.cells.iter().all(new);
        match u32::try_from(batch.n) {
            Ok(n) if fits => Ok(n),
            _ => Err(Error::Argument("a batch of yields does not fit the program".into())),
        }
    }
}
