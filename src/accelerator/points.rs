//! Many points of one dataset, a block of lanes at a time.

use super::{Accelerator, LaneBlock, LaneValues};
use crate::Result;

/// NLL without the terms of the data alone, `[n_points]`, and gradient, `[n_points, n_parameters]`, at
/// `points`, `[n_points, n_parameters]`. The last block repeats its last point.
pub(crate) fn evaluate(
    device: &dyn Accelerator,
    points: &[f64],
    main: &[f64],
    auxiliary: &[f64],
) -> Result<(Vec<f64>, Vec<f64>)> {
    let (n, lanes) = (device.problem().n_parameters(), device.lanes());
    let spread = |v: &[f64]| v.iter().flat_map(|x| std::iter::repeat_n(*x, lanes)).collect();
    let (main, auxiliary): (Vec<f64>, Vec<f64>) = (spread(main), spread(auxiliary));
    let mut all = (Vec::with_capacity(points.len() / n), Vec::with_capacity(points.len()));
    let (mut x, mut gradient) = (vec![0.0; n * lanes], vec![0.0; n * lanes]);
    let mut jump = vec![0.0; if device.problem().kinks().is_empty() { 0 } else { n * lanes }];
    let (mut nll, mut negative_bin) = (vec![0.0; lanes], vec![0.0; lanes]);
    for block in points.chunks(n * lanes) {
        let filled = block.len() / n;
        for (i, x) in x.iter_mut().enumerate() {
            *x = block[(i % lanes).min(filled - 1) * n + i / lanes];
        }
        let at = LaneBlock { parameters: &x, main: &main, auxiliary: &auxiliary };
        let mut out = LaneValues {
            nll: &mut nll,
            gradient: &mut gradient,
            jump: &mut jump,
            negative_bin: &mut negative_bin,
        };
        device.evaluate(&at, &mut out)?;
        all.0.extend(&nll[..filled]);
        all.1.extend((0..filled * n).map(|i| gradient[(i % n) * lanes + i / n]));
    }
    Ok(all)
}
