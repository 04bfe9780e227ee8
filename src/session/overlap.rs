//! Chunks in order: the next one's data are made while the device works on this one.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Result;

/// Cuts `range` into chunks of at most `chunk`, makes each one's data with `throw`, works on them with
/// `fit`, and hands both to `done`, in order. Data are made one chunk ahead, never beyond the range
/// and never after `stop` was seen. Returns how much of the range is done.
pub(super) fn in_order<D: Send + Sync, R: Send>(
    range: Range<u64>,
    chunk: usize,
    stop: &AtomicBool,
    throw: &(dyn Fn(Range<u64>) -> D + Sync),
    fit: &(dyn Fn(&D, usize) -> Result<R> + Sync),
    done: &mut dyn FnMut(u64, D, R) -> Result<()>,
) -> Result<u64> {
    let stopped = || stop.load(Ordering::Relaxed);
    let from = |first: u64| {
        let n = range.end.saturating_sub(first).min(chunk.max(1) as u64);
        (n > 0 && !stopped()).then_some(first..first + n)
    };
    let mut first = range.start;
    let mut ahead = None;
    while let Some(toys) = from(first) {
        let n = (toys.end - toys.start) as usize;
        let data = ahead.take().unwrap_or_else(|| throw(toys.clone()));
        let fits = match toys.end < range.end {
            // a fit of a single chunk stays on its thread
            false => fit(&data, n)?,
            true => {
                let (fits, next) = rayon::join(|| fit(&data, n), || from(toys.end).map(throw));
                ahead = next;
                fits?
            }
        };
        done(first, data, fits)?;
        first = toys.end;
    }
    Ok(first - range.start)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::Error;

    /// What was thrown, and what came out of a run.
    #[derive(Debug, Default, PartialEq)]
    struct Seen {
        thrown: Vec<Range<u64>>,
        done: Vec<(u64, Vec<u64>, u64)>,
        outcome: Option<u64>,
    }

    /// Stops during the fit of toy `stop_at`; fails at the fit of toy `fail_at`.
    fn run(range: Range<u64>, chunk: usize, stop_at: u64, fail_at: u64) -> Seen {
        let (stop, thrown) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        let mut done = Vec::new();
        let throw = |toys: Range<u64>| {
            thrown.lock().unwrap().push(toys.clone());
            toys.collect::<Vec<u64>>()
        };
        let fit = |data: &Vec<u64>, n: usize| {
            assert_eq!(data.len(), n);
            if data.contains(&stop_at) {
                stop.store(true, Ordering::Relaxed);
            }
            match data.contains(&fail_at) {
                true => Err(Error::Argument("made to fail".into())),
                false => Ok(data.iter().sum::<u64>()),
            }
        };
        let outcome = in_order(range, chunk, &stop, &throw, &fit, &mut |first, data, sum| {
            done.push((first, data, sum));
            Ok(())
        });
        Seen { thrown: thrown.into_inner().unwrap(), done, outcome: outcome.ok() }
    }

    #[test]
    fn chunks_come_in_order_and_within_the_range() {
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let seen = pool.install(|| run(5..12, 3, u64::MAX, u64::MAX));
            let expected = Seen {
                thrown: vec![5..8, 8..11, 11..12],
                done: vec![(5, vec![5, 6, 7], 18), (8, vec![8, 9, 10], 27), (11, vec![11], 11)],
                outcome: Some(7),
            };
            assert_eq!(seen, expected);
        }
        assert_eq!(run(4..4, 3, 0, 0), Seen { outcome: Some(0), ..Seen::default() });
        assert_eq!(run(0..2, 0, 9, 9).thrown, [0..1, 1..2]);
    }

    #[test]
    fn a_stop_ends_after_the_chunk_in_work() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        // one thread fits first, then makes data: none any more
        let seen = pool.install(|| run(0..100, 10, 15, u64::MAX));
        assert_eq!((seen.thrown, seen.outcome), (vec![0..10, 10..20], Some(20)));
        assert_eq!(seen.done.len(), 2);
        let seen = run(0..100, 10, 15, u64::MAX);
        assert!(seen.thrown.len() <= 3 && seen.outcome == Some(20), "{seen:?}");
    }

    #[test]
    fn an_error_ends_at_once_and_keeps_what_is_done() {
        let seen = run(0..100, 10, u64::MAX, 25);
        assert_eq!((seen.done.len(), seen.outcome), (2, None));
        assert!(seen.thrown.len() <= 4, "{seen:?}");
    }
}
