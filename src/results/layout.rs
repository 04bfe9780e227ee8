//! Which arrays a run has, in which order they lie in a chunk file and in the final file.

use super::npz::Dtype;
use super::run::ToyRun;
use crate::fit::{FitBatch, Status};
use crate::session::{ToyChunk, ToyData, ToyEvents};
use crate::{Error, Result};

/// One array over the toys.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) dtype: Dtype,
    /// Elements per toy, for arrays with a second dimension.
    pub(super) width: Option<usize>,
}

impl Column {
    /// Bytes per toy.
    pub(super) fn row(&self) -> usize {
        self.dtype.size() * self.width.unwrap_or(1)
    }
}

/// The arrays of a run.
pub(super) struct Layout {
    pub(super) columns: Vec<Column>,
    n_parameters: usize,
    conditional: bool,
    /// Numbers of main and of auxiliary data of a toy, where they are kept.
    data: Option<(usize, usize)>,
    /// Of an unbinned model.
    events: bool,
}

impl Layout {
    pub(super) fn new(run: &ToyRun) -> Self {
        let (n_parameters, conditional) = (run.names.len(), !run.held.is_empty());
        let (data, events) = (run.data, run.events);
        let column = |name, dtype| Column { name, dtype, width: None };
        let wide = |name, width| Column { name, dtype: Dtype::F64, width: Some(width) };
        let table = |name| wide(name, n_parameters);
        let mut columns = vec![
            column("toy", Dtype::U64),
            table("parameters"),
            column("nll", Dtype::F64),
            column("edm", Dtype::F64),
            column("evaluations", Dtype::U32),
            column("status", Dtype::U8),
            column("negative_bin", Dtype::I32),
        ];
        if conditional {
            columns.extend([
                table("parameters_conditional"),
                column("nll_conditional", Dtype::F64),
                column("edm_conditional", Dtype::F64),
                column("evaluations_conditional", Dtype::U32),
                column("status_conditional", Dtype::U8),
                column("negative_bin_conditional", Dtype::I32),
                column("t_mu", Dtype::F64),
            ]);
        }
        if let Some((n_main, n_auxiliary)) = data {
            columns.extend([wide("main", n_main), wide("auxiliary", n_auxiliary)]);
        }
        if events {
            columns.extend([table("uncertainties"), column("events", Dtype::U64)]);
        }
        Self { columns, n_parameters, conditional, data, events }
    }

    /// Bytes of one toy.
    pub(super) fn row(&self) -> usize {
        self.columns.iter().map(Column::row).sum()
    }

    /// The columns of `chunk` one after the other.
    pub(super) fn encode(&self, chunk: &ToyChunk, out: &mut Vec<u8>) -> Result<()> {
        let n = chunk.fits.len();
        self.check(&chunk.fits, n)?;
        out.extend((0..n as u64).flat_map(|i| (chunk.first + i).to_le_bytes()));
        encode_batch(&chunk.fits, out);
        match (&chunk.conditional, self.conditional) {
            (Some(conditional), true) => {
                self.check(conditional, n)?;
                encode_batch(conditional, out);
                out.extend(chunk.t_mu().flat_map(f64::to_le_bytes));
            }
            (None, false) => {}
            _ => return Err(misfit()),
        }
        match (&chunk.data, self.data) {
            (Some(data), Some((n_main, n_auxiliary))) => {
                if (data.main.len(), data.auxiliary.len()) != (n * n_main, n * n_auxiliary) {
                    return Err(misfit());
                }
                out.extend(data.main.iter().chain(&data.auxiliary).flat_map(|x| x.to_le_bytes()));
            }
            (None, None) => {}
            _ => return Err(misfit()),
        }
        match (&chunk.events, self.events) {
            (Some(events), true) => {
                let lengths = (events.uncertainties.len(), events.numbers.len());
                if lengths != (n * self.n_parameters, n) {
                    return Err(misfit());
                }
                out.extend(events.uncertainties.iter().flat_map(|x| x.to_le_bytes()));
                out.extend(events.numbers.iter().flat_map(|x| x.to_le_bytes()));
                Ok(())
            }
            (None, false) => Ok(()),
            _ => Err(misfit()),
        }
    }

    fn check(&self, batch: &FitBatch, n: usize) -> Result<()> {
        let lengths = [batch.edm.len(), batch.evaluations.len(), batch.status.len()];
        let fits = batch.nll.len() == n
            && batch.negative_bin.len() == n
            && lengths == [n; 3]
            && batch.parameters.len() == n * self.n_parameters;
        if fits { Ok(()) } else { Err(misfit()) }
    }

    /// The inverse of [`Self::encode`]; `None` where a status is none of ours.
    pub(super) fn decode(&self, first: u64, n: usize, bytes: &[u8]) -> Option<ToyChunk> {
        let mut reader = Reader(bytes.get(n * 8..)?);
        let fits = self.decode_batch(n, &mut reader)?;
        let conditional =
            if self.conditional { Some(self.decode_batch(n, &mut reader)?) } else { None };
        if self.conditional {
            // t_mu follows from the rest
            reader.take(n, f64::from_le_bytes)?;
        }
        let data = match self.data {
            Some((n_main, n_auxiliary)) => Some(ToyData {
                main: reader.take(n * n_main, f64::from_le_bytes)?,
                auxiliary: reader.take(n * n_auxiliary, f64::from_le_bytes)?,
            }),
            None => None,
        };
        let events = match self.events {
            true => Some(ToyEvents {
                uncertainties: reader.take(n * self.n_parameters, f64::from_le_bytes)?,
                numbers: reader.take(n, u64::from_le_bytes)?,
            }),
            false => None,
        };
        Some(ToyChunk { first, fits, conditional, data, events })
    }

    fn decode_batch(&self, n: usize, reader: &mut Reader) -> Option<FitBatch> {
        Some(FitBatch {
            n_parameters: self.n_parameters,
            parameters: reader.take(n * self.n_parameters, f64::from_le_bytes)?,
            nll: reader.take(n, f64::from_le_bytes)?,
            edm: reader.take(n, f64::from_le_bytes)?,
            evaluations: reader.take(n, u32::from_le_bytes)?,
            status: reader
                .take(n, u8::from_le_bytes)?
                .into_iter()
                .map(status_from)
                .collect::<Option<_>>()?,
            negative_bin: reader.take(n, i32::from_le_bytes)?,
            on_host: 0,
            failure: None,
        })
    }
}

fn append(here: &mut FitBatch, next: FitBatch) {
    here.parameters.extend(next.parameters);
    here.nll.extend(next.nll);
    here.edm.extend(next.edm);
    here.evaluations.extend(next.evaluations);
    here.status.extend(next.status);
    here.negative_bin.extend(next.negative_bin);
}

fn misfit() -> Error {
    Error::Argument("a chunk of toys does not have the run's shape".into())
}

fn encode_batch(batch: &FitBatch, out: &mut Vec<u8>) {
    out.extend(batch.parameters.iter().flat_map(|x| x.to_le_bytes()));
    out.extend(batch.nll.iter().flat_map(|x| x.to_le_bytes()));
    out.extend(batch.edm.iter().flat_map(|x| x.to_le_bytes()));
    out.extend(batch.evaluations.iter().flat_map(|x| x.to_le_bytes()));
    out.extend(batch.status.iter().map(|&s| s as u8));
    out.extend(batch.negative_bin.iter().flat_map(|x| x.to_le_bytes()));
}

fn status_from(code: u8) -> Option<Status> {
    use Status::{Converged, EvaluationLimit, NotFinite, NothingFree, Stalled};
    [Converged, NothingFree, EvaluationLimit, NotFinite, Stalled]
        .into_iter()
        .find(|&s| s as u8 == code)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize, T>(&mut self, n: usize, from: fn([u8; N]) -> T) -> Option<Vec<T>> {
        let (head, tail) = self.0.split_at_checked(n * N)?;
        self.0 = tail;
        Some(head.as_chunks::<N>().0.iter().map(|b| from(*b)).collect())
    }
}

impl ToyChunk {
    /// One past the last toy.
    pub(super) fn end(&self) -> u64 {
        self.first + self.fits.len() as u64
    }

    /// Adds the toys that follow.
    pub(super) fn append(&mut self, next: Self) {
        append(&mut self.fits, next.fits);
        match (&mut self.conditional, next.conditional) {
            (Some(here), Some(next)) => append(here, next),
            // the shapes differ: writing will say so
            (here, _) => *here = None,
        }
        match (&mut self.data, next.data) {
            (Some(here), Some(next)) => {
                here.main.extend(next.main);
                here.auxiliary.extend(next.auxiliary);
            }
            (here, _) => *here = None,
        }
        match (&mut self.events, next.events) {
            (Some(here), Some(next)) => {
                here.uncertainties.extend(next.uncertainties);
                here.numbers.extend(next.numbers);
            }
            (here, _) => *here = None,
        }
    }

    /// The test statistic t_mu of each toy: twice the difference between the NLL at the true POI
    /// and the best. Not clipped at 0, so that a free fit that missed its minimum shows. Empty
    /// without conditional fits.
    pub fn t_mu(&self) -> impl Iterator<Item = f64> + '_ {
        let conditional = self.conditional.iter().flat_map(|c| &c.nll);
        conditional.zip(&self.fits.nll).map(|(fixed, free)| 2.0 * (fixed - free))
    }
}
