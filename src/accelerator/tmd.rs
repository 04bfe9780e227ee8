//! Sums over nodes of products of two shapes, as a device works them out for many rows of parameters at once. What
//! they stand for is [`tmd`](crate::tmd)'s affair, whose plans make [`TmdTables`].

#![cfg_attr(
    not(any(
        feature = "gpu",
        all(feature = "cuda", any(target_os = "linux", target_os = "windows"))
    )),
    allow(dead_code, reason = "this build has no kernels that read tables")
)]

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::{DeviceChoice, DeviceInfo, DeviceRequest, PrecisionChoice, check_cuda, cpu, cuda};
use crate::{Error, Result};

/// Most widths of a shape: WIDTHS of the kernels.
pub const WIDTHS: usize = 5;
/// Most parameters of a width: PLACES there.
pub const PLACES: usize = 4;
/// Numbers that the widths of an instance are made of, the last one multiplying b^2: CONSTANTS there.
pub const CONSTANTS: usize = 4;
/// No parameter: NONE there.
const NONE: u32 = u32::MAX;

/// How widths follow from parameters, numbered as in the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Three widths `N exp(sigma c0 + alpha^2 c1)` of N, alpha, sigma, then two squares.
    ThreeBells = 0,
    /// Two of N, beta, delta, gamma: `N (e^(beta c0) + delta^2) / (e^(beta c2) + delta^2) exp(gamma^2 c1)`, then a
    /// parameter times c3.
    Fragmentation = 1,
    /// Two of N, alpha, sigma: `N c1 / sigma exp(-ln^2(c0 / alpha) / (2 sigma^2))`, then a parameter.
    LorentzBell = 2,
    /// `p1 + p0 c0`.
    LinearBell = 3,
    /// `p0^2 c1 exp(p1 c0)`.
    PowerBell = 4,
    /// The shape is 0.
    Nothing = 5,
}

/// A shape at one momentum fraction.
#[derive(Debug, Clone, Copy)]
pub struct Instance {
    /// How its widths follow from its parameters.
    pub kind: Kind,
    /// Its first parameter among those of a row.
    pub first: usize,
    /// Its parameters' places, counted from there, of each width in the order that [`Kind`] gives.
    pub places: [&'static [usize]; WIDTHS],
    /// What else they are made of.
    pub constants: [f64; CONSTANTS],
}

/// A sum over nodes that adds to a point.
#[derive(Debug, Clone, Copy)]
pub struct Term<'a> {
    /// Both shapes.
    pub instances: [usize; 2],
    /// Which nodes.
    pub grid: usize,
    /// Logarithm of the scale.
    pub ln_zeta: f64,
    /// One a node.
    pub factors: &'a [f64],
}

/// Sizes and places, as kernels read them: TmdHeader in `cuda/tmd.cuh`, the front of Job in `shaders/tmd.wgsl`.
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) zero: u32,
    pub(crate) n_points: u32,
    pub(crate) n_parameters: u32,
    pub(crate) n_items: u32,
    pub(crate) n_groups: u32,
    pub(crate) slopes: u32,
    pub(crate) evolution: u32,
    pub(crate) i_points: u32,
    pub(crate) i_terms: u32,
    pub(crate) i_instances: u32,
    pub(crate) i_places: u32,
    pub(crate) f_constants: u32,
    pub(crate) f_ln_zeta: u32,
    pub(crate) f_b2: u32,
    pub(crate) f_factors: u32,
    pub(crate) unused: u32,
}

/// Everything but the parameters, flat.
#[derive(Debug, Clone)]
pub struct TmdTables {
    pub(crate) header: Header,
    pub(crate) index: Vec<u32>,
    pub(crate) numbers: Vec<f64>,
    /// Of each point: what kernels' sums are in units of, a power of two near its largest factor.
    units: Vec<f64>,
}

impl TmdTables {
    /// Points, the terms of each, with the squares of their nodes. `quartic`: the evolution has two parameters, the
    /// second with b^4; both stand first in a row.
    ///
    /// # Errors
    /// [`Error::Argument`] where numbers are too many for a kernel to count.
    pub fn new<'a>(
        n_parameters: usize,
        quartic: bool,
        instances: &[Instance],
        grids: &[Vec<f64>],
        points: impl Iterator<Item = Vec<Term<'a>>>,
    ) -> Result<Self> {
        let (mut places, mut constants) = (Vec::new(), Vec::new());
        let mut rows = Vec::new();
        for instance in instances {
            rows.extend([instance.kind as u32, instance.first as u32, places.len() as u32]);
            for of_width in instance.places {
                let own = of_width.iter().map(|place| *place as u32);
                places.extend(own.chain(std::iter::repeat(NONE)).take(PLACES));
            }
            constants.extend(instance.constants);
        }
        let (mut begins, mut nodes) = (Vec::with_capacity(grids.len()), Vec::new());
        for grid in grids {
            begins.push(nodes.len());
            nodes.extend(grid);
        }
        let (mut first, mut terms) = (vec![0], Vec::new());
        let (mut ln_zeta, mut factors, mut units) = (Vec::new(), Vec::new(), Vec::new());
        for point in points {
            let largest = point.iter().flat_map(|term| term.factors);
            let unit = unit(largest.fold(0.0, |largest, f| f64::max(largest, f.abs())));
            for term in point {
                let n = term.factors.len();
                let [f, d] = term.instances;
                terms.extend([f, d, begins[term.grid], factors.len(), n].map(|word| word as u32));
                ln_zeta.push(term.ln_zeta);
                factors.extend(term.factors.iter().map(|factor| factor / unit));
            }
            first.push(ln_zeta.len() as u32);
            units.push(unit);
        }
        let numbers = [constants, ln_zeta, nodes, factors];
        let index = [first, terms, rows, places];
        let total =
            numbers.iter().map(Vec::len).sum::<usize>().max(index.iter().map(Vec::len).sum());
        if total >= u32::MAX as usize {
            return Err(Error::Argument(format!(
                "{total} numbers; a device counts up to {}: divide the points",
                u32::MAX
            )));
        }
        let starts = |lengths: [usize; 4]| {
            let [a, b, c, _] = lengths;
            [0, a, a + b, a + b + c].map(|at| at as u32)
        };
        let [i_points, i_terms, i_instances, i_places] = starts(index.each_ref().map(Vec::len));
        let [f_constants, f_ln_zeta, f_b2, f_factors] = starts(numbers.each_ref().map(Vec::len));
        let header = Header {
            n_points: units.len() as u32,
            n_parameters: n_parameters as u32,
            evolution: u32::from(quartic),
            i_points,
            i_terms,
            i_instances,
            i_places,
            f_constants,
            f_ln_zeta,
            f_b2,
            f_factors,
            ..Header::default()
        };
        Ok(Self { header, index: index.concat(), numbers: numbers.concat(), units })
    }

    /// The header of a call of so many rows.
    pub(crate) fn call(&self, rows: usize, groups: u32, slopes: bool) -> Header {
        let n_items = self.header.n_points * rows as u32;
        Header { n_items, n_groups: groups, slopes: u32::from(slopes), ..self.header }
    }

    /// Rows whose results, in numbers of `bytes`, take no more than `most` an array; one at least.
    pub(crate) fn rows(&self, bytes: u64, most: u64) -> usize {
        let (points, parameters) = (self.units.len() as u64, u64::from(self.header.n_parameters));
        let row = points * parameters.max(2) * bytes;
        // kernels count points of all rows in 32 bits
        (most / row.max(1)).min(u64::from(u32::MAX) / points.max(1)).max(1) as usize
    }

    /// What a kernel returned, out of its units. `values` is (sum, sum of sizes) of each point.
    pub(crate) fn finish(&self, values: &[f64], mut jacobian: Vec<f64>) -> Sums {
        let points = values.chunks_exact(2).zip(self.units.iter().cycle());
        let (values, sizes) =
            points.map(|(of, unit)| (of[0] * unit, of[1] * unit)).collect::<(Vec<_>, Vec<_>)>();
        let points = self.units.len();
        let rows = jacobian.par_chunks_exact_mut(self.header.n_parameters as usize);
        rows.enumerate().for_each(|(i, row)| {
            row.iter_mut().for_each(|slope| *slope *= self.units[i % points]);
        });
        Sums { values, sizes, jacobian }
    }
}

/// The power of two below `x`, 1 for 0: division by it rounds nothing.
fn unit(x: f64) -> f64 {
    if x > 0.0 { libm::exp2(f64::from(libm::ilogb(x))) } else { 1.0 }
}

/// Sums of every row and point.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// `[rows, n_points]`; NaN where a device has no value.
    pub values: Vec<f64>,
    /// Of the absolute values of all terms, `[rows, n_points]`.
    pub sizes: Vec<f64>,
    /// Derivatives, `[rows, n_points, n_parameters]`, or empty.
    pub jacobian: Vec<f64>,
}

impl Sums {
    /// With further rows.
    pub(crate) fn append(&mut self, mut more: Self) {
        if self.values.is_empty() {
            *self = more;
            return;
        }
        self.values.append(&mut more.values);
        self.sizes.append(&mut more.sizes);
        self.jacobian.append(&mut more.jacobian);
    }
}

/// A device with tables loaded.
pub trait TmdDevice: Send + Sync {
    /// What runs.
    fn info(&self) -> &DeviceInfo;

    /// The sums at rows of parameters, `[rows, n_parameters]`. A row's bits depend on that row alone.
    ///
    /// # Errors
    /// Where the device fails.
    fn sums(&self, parameters: &[f64], slopes: bool) -> Result<Sums>;
}

/// What was asked for.
pub enum Opened {
    /// The processor, which needs no tables.
    Processor(DeviceInfo),
    /// Another one.
    Device(Box<dyn TmdDevice>),
}

/// Loads tables on the device asked for. [`DeviceChoice::Auto`] is the processor.
///
/// # Errors
/// [`Error::Device`] where that device or its precision cannot be used.
pub fn open(request: &DeviceRequest, tables: impl FnOnce() -> Result<TmdTables>) -> Result<Opened> {
    let processor = |reason| Ok(Opened::Processor(cpu::describe(cpu::lanes(), reason)));
    let refuse =
        |message: String| Err(Error::Device { device: request.device.to_string(), message });
    match request.device {
        DeviceChoice::Auto => {
            processor("auto: other devices compute plans where they are asked for")
        }
        DeviceChoice::Cpu => match request.precision {
            PrecisionChoice::Auto | PrecisionChoice::F64 => processor("asked for"),
            other => refuse(format!(
                "it computes in f64, not in {other}; leave the precision to auto, or choose a \
                 graphics processor"
            )),
        },
        DeviceChoice::Gpu { backend, index } => {
            #[cfg(feature = "gpu")]
            {
                let (adapter, reason) = super::gpu::adapters::find(backend, index)?;
                let precision =
                    super::gpu::adapters::precision_for(request.precision, &adapter.info)?;
                super::gpu::open_tmd(&adapter, precision, &reason, tables()?).map(Opened::Device)
            }
            #[cfg(not(feature = "gpu"))]
            {
                let _ = (backend, index);
                Err(super::no_gpu(request.device))
            }
        }
        DeviceChoice::Cuda { index } => {
            check_cuda(request)?;
            let reason = super::reason_for(index);
            cuda::open_tmd(index, reason, tables).map(Opened::Device)
        }
        DeviceChoice::CudaSeveral { .. } => refuse("a plan runs on one card, as in cuda:0".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_two_below() {
        for (x, want) in
            [(0.0, 1.0), (1.0, 1.0), (3.9, 2.0), (0.3, 0.25), (1e-300, 2f64.powi(-997))]
        {
            assert_eq!(unit(x), want, "{x}");
        }
    }

    #[test]
    fn tables_are_laid_out_as_kernels_read_them() {
        let places: [&'static [usize]; WIDTHS] = [&[1, 0], &[], &[], &[], &[]];
        let (kind, constants) = (Kind::LinearBell, [7.0, 0.0, 0.0, 1.0]);
        let instances = [Instance { kind, first: 2, places, constants }; 2];
        let grids = [vec![1.0], vec![4.0, 9.0]];
        let term = |grid, factors| Term { instances: [0, 1], grid, ln_zeta: 0.5, factors };
        let points = [vec![term(1, &[6.0, 1.0][..])], vec![term(0, &[3.0]), term(0, &[-0.5])]];
        let tables =
            TmdTables::new(4, true, &instances, &grids, points.into_iter()).expect("tables");
        let h = tables.header;
        assert_eq!((h.n_points, h.n_parameters, h.evolution), (2, 4, 1));
        assert_eq!(tables.index[h.i_points as usize..][..3], [0, 1, 3]);
        assert_eq!(tables.index[h.i_terms as usize..][5..10], [0, 1, 0, 2, 1]);
        assert_eq!(tables.index[h.i_instances as usize..][3..6], [3, 2, 20]);
        assert_eq!(tables.index[h.i_places as usize..][..4], [1, 0, NONE, NONE]);
        assert_eq!(tables.index.len(), h.i_places as usize + 40);
        assert_eq!(tables.numbers[h.f_b2 as usize..][..3], [1.0, 4.0, 9.0]);
        assert_eq!(tables.numbers[h.f_factors as usize..], [1.5, 0.25, 1.5, -0.25]);
        let sums = tables.finish(&[1.0, 2.0, 3.0, 4.0], vec![1.0; 8]);
        assert_eq!((sums.values, sums.sizes), (vec![4.0, 6.0], vec![8.0, 8.0]));
        assert_eq!(sums.jacobian, [4.0, 4.0, 4.0, 4.0, 2.0, 2.0, 2.0, 2.0]);
        assert_eq!((tables.rows(8, 1000), tables.rows(8, 1)), (15, 1));
    }
}
