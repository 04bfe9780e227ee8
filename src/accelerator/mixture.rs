//! Sums over the events of mixtures of processes, as a device works them out from log-densities. The
//! likelihood that they make is that of [`unbinned::reduce`](crate::unbinned::reduce).

use super::DeviceInfo;
use crate::{Error, Result};

/// Most events of all data sets of a batch together: kernels count in 32 bits.
pub const MOST_EVENTS: usize = u32::MAX as usize;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for f32 {}
}

/// How a log-density is stored; sums are f64 for either.
pub trait Number: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The number itself.
    fn wide(self) -> f64;
    /// The nearest one.
    fn narrow(x: f64) -> Self;
    /// As numbers of either kind.
    fn column(all: &[Self]) -> Column<'_>;
    /// As room for numbers of either kind.
    fn column_mut(all: &mut [Self]) -> ColumnMut<'_>;
}

impl Number for f64 {
    fn wide(self) -> f64 {
        self
    }

    fn narrow(x: f64) -> Self {
        x
    }

    fn column(all: &[Self]) -> Column<'_> {
        Column::F64(all)
    }

    fn column_mut(all: &mut [Self]) -> ColumnMut<'_> {
        ColumnMut::F64(all)
    }
}

impl Number for f32 {
    fn wide(self) -> f64 {
        f64::from(self)
    }

    fn narrow(x: f64) -> Self {
        x as Self
    }

    fn column(all: &[Self]) -> Column<'_> {
        Column::F32(all)
    }

    fn column_mut(all: &mut [Self]) -> ColumnMut<'_> {
        ColumnMut::F32(all)
    }
}

/// Numbers of either kind.
#[derive(Debug, Clone, Copy)]
pub enum Column<'a> {
    /// Double precision.
    F64(&'a [f64]),
    /// Single precision.
    F32(&'a [f32]),
}

impl Column<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::F64(all) => all.len(),
            Self::F32(all) => all.len(),
        }
    }

    /// None.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them; panics where there is none such.
    pub fn get(&self, i: usize) -> f64 {
        match self {
            Self::F64(all) => all[i],
            Self::F32(all) => f64::from(all[i]),
        }
    }
}

/// Room for numbers of either kind.
#[derive(Debug)]
pub enum ColumnMut<'a> {
    /// Double precision.
    F64(&'a mut [f64]),
    /// Single precision.
    F32(&'a mut [f32]),
}

impl ColumnMut<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::F64(all) => all.len(),
            Self::F32(all) => all.len(),
        }
    }

    /// None.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The shape of a batch: toy t has the events `offsets[t]..offsets[t + 1]` of every process, and the
/// log-density of event i under process p stands at `p * N + i`, where N is the number of all events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toys {
    processes: usize,
    offsets: Vec<u32>,
}

impl Toys {
    /// A batch; toys may be empty.
    ///
    /// # Errors
    /// [`Error::Argument`] without processes or toys, and if offsets do not rise from 0.
    pub fn new(processes: usize, offsets: &[u32]) -> Result<Self> {
        if processes == 0 {
            return Err(Error::Argument("a mixture needs at least one process".into()));
        }
        let rises = offsets.windows(2).all(|o| o[0] <= o[1]);
        if offsets.len() < 2 || offsets[0] != 0 || !rises {
            return Err(Error::Argument(
                "the offsets of n toys must be n + 1 numbers that rise from 0 to the number of all \
                 events"
                    .into(),
            ));
        }
        Ok(Self { processes, offsets: offsets.to_vec() })
    }

    /// One data set.
    ///
    /// # Errors
    /// As for [`Toys::new`]; also for 2^32 events and more.
    pub fn one(processes: usize, events: usize) -> Result<Self> {
        Self::new(processes, &[0, event_count(events)?])
    }

    /// Processes of every toy.
    pub fn processes(&self) -> usize {
        self.processes
    }

    /// Toys.
    pub fn n(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Events of all toys.
    pub fn events(&self) -> usize {
        self.offsets[self.n()] as usize
    }

    /// The events of a toy.
    pub fn range(&self, toy: usize) -> std::ops::Range<usize> {
        self.offsets[toy] as usize..self.offsets[toy + 1] as usize
    }

    /// Log-densities and weights of these events.
    ///
    /// # Errors
    /// [`Error::Argument`] for other lengths.
    pub fn check(&self, log_p: Column<'_>, weights: Option<&[f64]>) -> Result<()> {
        let (n, processes) = (self.events(), self.processes);
        if log_p.len() != n * processes {
            return Err(Error::Argument(format!(
                "{} log-densities for {n} events of {processes} processes",
                log_p.len()
            )));
        }
        match weights {
            Some(w) if w.len() != n => {
                Err(Error::Argument(format!("{} weights for {n} events", w.len())))
            }
            _ => Ok(()),
        }
    }

    /// Shares of at most `most` events of one toy, `[first event, events, toy]` of each, and the first
    /// share of every toy and after the last one. They begin with their toy: what is summed over them
    /// does not depend on other toys.
    #[cfg(any(
        test,
        feature = "gpu",
        all(feature = "cuda", any(target_os = "linux", target_os = "windows"))
    ))]
    pub(crate) fn shares(&self, most: u32) -> (Vec<u32>, Vec<u32>) {
        let (mut shares, mut first) = (Vec::new(), vec![0]);
        for (toy, o) in self.offsets.windows(2).enumerate() {
            for begin in (o[0]..o[1]).step_by(most as usize) {
                shares.extend([begin, most.min(o[1] - begin), toy as u32]);
            }
            first.push((shares.len() / 3) as u32);
        }
        (shares, first)
    }
}

/// `n` as kernels count events.
///
/// # Errors
/// [`Error::Argument`] for 2^32 and more.
pub fn event_count(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| {
        Error::Argument(format!("{n} events; a batch has at most {MOST_EVENTS}: divide it"))
    })
}

/// Arrays of a caller in the memory of an NVIDIA card, laid out as [`Toys`] says. Nothing of them is
/// copied to the host.
#[derive(Debug, Clone, Copy)]
pub struct MixtureInPlace {
    /// Log-densities, `[processes, N]`.
    pub log_p: u64,
    /// Weights, f64, `[N]`; 0 for none.
    pub weights: u64,
    /// Where `d NLL / d log p` goes, `[processes, N]`, numbers as those of `log_p`; 0 if not wanted.
    pub slopes: u64,
    /// `log_p` and `slopes` are f32, not f64.
    pub single: bool,
    /// The caller's stream (`cudaStream_t`), whose order the work keeps; 0 is the default one.
    pub stream: u64,
}

/// Sums over the events of a toy. With `f_i = sum_p nu_p f_pi` and `u_pi = f_pi / f_i`:
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MixtureSums {
    /// `sum_i w_i ln f_i`, without the events of `zero_density`.
    pub log_likelihood: f64,
    /// Events of weight above 0 that no process can make.
    pub zero_density: usize,
    /// `sum_i w_i u_pi`, also where `nu_p` is 0; empty where not wanted.
    pub first: Vec<f64>,
}

/// A device opened for batches of one shape.
pub trait MixtureDevice: Send + Sync {
    /// What runs.
    fn info(&self) -> &DeviceInfo;

    /// The shape.
    fn toys(&self) -> &Toys;

    /// Copies log-densities and weights to the device, where they stay until others are loaded.
    ///
    /// # Errors
    /// Where lengths do not fit, and where there is no memory for them.
    fn load(&mut self, log_p: Column<'_>, weights: Option<&[f64]>) -> Result<()>;

    /// Sums of every toy over what was loaded. `log_yields` is `[toys, processes]`, -inf for a yield of
    /// 0. `slopes` gets `-w_i nu_p u_pi`, numbers as they were loaded.
    ///
    /// # Errors
    /// With process and event: a log-density that is NaN or +inf, a weight that is negative or not
    /// finite. Where nothing is loaded, and where the device fails.
    fn sums(
        &self,
        log_yields: &[f64],
        gradient: bool,
        slopes: Option<ColumnMut<'_>>,
    ) -> Result<Vec<MixtureSums>>;

    /// The same for arrays that the caller has on the device.
    ///
    /// # Errors
    /// As [`MixtureDevice::sums`]; where the device has no memory that others know of.
    ///
    /// # Safety
    /// Arrays as long as the shape says, of the numbers that `arrays` says, and a stream, all of this
    /// device and alive until the call returns; nothing else may write to them in the meantime.
    unsafe fn sums_in_place(
        &self,
        arrays: &MixtureInPlace,
        log_yields: &[f64],
        gradient: bool,
    ) -> Result<Vec<MixtureSums>> {
        let _ = (arrays, log_yields, gradient);
        Err(Error::Unsupported(format!(
            "log-densities in a caller's device memory need a CUDA device, and this one is {}",
            self.info().name
        )))
    }
}

/// A log-density that is none.
pub(crate) fn bad_log_density(process: usize, event: usize, is: f64) -> Error {
    Error::Argument(format!(
        "process {process}, event {event}: its log-density is {is}; only finite ones and -inf \
         (outside the support) are densities"
    ))
}

/// Whether it is one.
pub(crate) fn is_log_density(x: f64) -> bool {
    x < f64::INFINITY
}

/// A weight that is none.
pub(crate) fn bad_weight(event: usize, is: f64) -> Error {
    Error::Argument(format!("event {event}: its weight is {is}, not a number of 0 or more"))
}

/// Whether it is one.
pub(crate) fn is_weight(x: f64) -> bool {
    x.is_finite() && x >= 0.0
}

/// Room for slopes of another kind or length than the log-densities.
#[cfg(any(
    feature = "gpu",
    all(feature = "cuda", any(target_os = "linux", target_os = "windows"))
))]
pub(crate) fn bad_room(slopes: &ColumnMut<'_>, single: bool, n: usize) -> Result<()> {
    let word = |single| if single { "f32" } else { "f64" };
    let is_single = matches!(slopes, ColumnMut::F32(_));
    if is_single == single && slopes.len() == n {
        return Ok(());
    }
    Err(Error::Argument(format!(
        "room for {} derivatives in {} of {n} log-densities in {}",
        slopes.len(),
        word(is_single),
        word(single)
    )))
}

/// What devices say before anything is loaded.
#[cfg(any(
    feature = "gpu",
    all(feature = "cuda", any(target_os = "linux", target_os = "windows"))
))]
pub(crate) fn nothing_loaded() -> Error {
    Error::Argument("no log-densities are loaded".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_begin_with_their_toy() {
        let toys = Toys::new(2, &[0, 5, 5, 13]).expect("a batch");
        let (shares, first) = toys.shares(4);
        assert_eq!(shares, [0, 4, 0, 4, 1, 0, 5, 4, 2, 9, 4, 2]);
        assert_eq!(first, [0, 2, 2, 4]);
        assert_eq!((toys.n(), toys.events(), toys.range(2)), (3, 13, 5..13));
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for (processes, offsets) in
            [(0, &[0, 1][..]), (1, &[]), (1, &[0]), (1, &[1, 2]), (1, &[0, 2, 1])]
        {
            assert!(Toys::new(processes, offsets).is_err(), "{processes} {offsets:?}");
        }
        let toys = Toys::one(2, 3).expect("a batch");
        assert!(toys.check(Column::F32(&[0.0; 6]), Some(&[1.0; 3])).is_ok());
        assert!(toys.check(Column::F64(&[0.0; 5]), None).is_err());
        assert!(toys.check(Column::F64(&[0.0; 6]), Some(&[1.0; 2])).is_err());
    }

    #[test]
    fn more_events_than_a_kernel_counts_are_refused() {
        assert!(event_count(MOST_EVENTS).is_ok());
        let Some(beyond) = MOST_EVENTS.checked_add(1) else { return };
        let error = event_count(beyond).expect_err("refused").to_string();
        assert!(error.contains("4294967296 events"), "{error}");
        assert!(Toys::one(1, beyond).is_err());
    }
}
