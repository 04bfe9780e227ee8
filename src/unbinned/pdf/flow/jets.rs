//! Blocks of events with the derivatives of every quantity in some directions.

use crate::unbinned::packed::place;

/// Events at a time: what a layer reads and writes stays in the nearest cache.
pub(super) const EVENTS: usize = 32;

/// What a quantity carries: a value, first derivatives and perhaps second ones (rows of the lower triangle), one
/// after the other, each for all events of a block. A row of a block is a quantity with all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Jets {
    pub(super) directions: usize,
    pub(super) second: bool,
}

impl Jets {
    /// How many numbers an event's quantity is.
    pub(super) fn components(self) -> usize {
        let k = self.directions;
        1 + k + if self.second { k * (k + 1) / 2 } else { 0 }
    }

    /// Length of a row.
    pub(super) fn row(self) -> usize {
        self.components() * EVENTS
    }

    /// The derivatives of `f(u)` from those of u in `row`, with f' and f'' of each event.
    #[inline(always)]
    pub(super) fn compose(self, row: &mut [f64], f1: &[f64; EVENTS], f2: &[f64; EVENTS]) {
        let (first, second) = row[EVENTS..].split_at_mut(self.directions * EVENTS);
        if self.second {
            for a in 0..self.directions {
                for b in 0..=a {
                    let (first_a, first_b) = (part(first, a), part(first, b));
                    let out = part_mut(second, place(a, b));
                    for e in 0..EVENTS {
                        out[e] = f1[e] * out[e] + f2[e] * first_a[e] * first_b[e];
                    }
                }
            }
        }
        for a in 0..self.directions {
            let out = part_mut(first, a);
            for e in 0..EVENTS {
                out[e] *= f1[e];
            }
        }
    }

    /// `u *= w`, both rows.
    #[inline(always)]
    pub(super) fn multiply(self, u: &mut [f64], w: &[f64]) {
        let k = self.directions;
        if self.second {
            for a in 0..k {
                for b in 0..=a {
                    let at = 1 + k + place(a, b);
                    for e in 0..EVENTS {
                        let [c, ca, cb] = [at, 1 + a, 1 + b].map(|c| c * EVENTS + e);
                        u[c] = u[c] * w[e] + u[ca] * w[cb] + u[cb] * w[ca] + u[e] * w[c];
                    }
                }
            }
        }
        for a in 1..=k {
            for e in 0..EVENTS {
                u[a * EVENTS + e] = u[a * EVENTS + e] * w[e] + u[e] * w[a * EVENTS + e];
            }
        }
        for e in 0..EVENTS {
            u[e] *= w[e];
        }
    }
}

#[inline(always)]
fn part(parts: &[f64], at: usize) -> &[f64; EVENTS] {
    parts[at * EVENTS..].first_chunk().expect("a whole part")
}

#[inline(always)]
fn part_mut(parts: &mut [f64], at: usize) -> &mut [f64; EVENTS] {
    parts[at * EVENTS..].first_chunk_mut().expect("a whole part")
}

/// `u += factor w`, both rows.
#[inline(always)]
pub(super) fn add(u: &mut [f64], factor: f64, w: &[f64]) {
    for (u, w) in u.iter_mut().zip(w) {
        *u += factor * w;
    }
}
