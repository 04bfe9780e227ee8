//! The damping ladder as the tables that `shaders/ladder.wgsl` reads.

use crate::accelerator::{Damping, InverseCurvature};

/// Levels that kernels know, as in `shaders/fit.wgsl`.
pub(in crate::accelerator) const LEVELS: usize = 12;
/// Words per level, as in `shaders/ladder.wgsl`.
const LEVEL: usize = 8;

/// What a job brings: fixed parameters and the levels at hand.
pub(in crate::accelerator) struct JobTables {
    pub(in crate::accelerator) index: Vec<u32>,
    pub(in crate::accelerator) numbers: Vec<f64>,
}

impl JobTables {
    pub(in crate::accelerator) fn new(fixed: &[bool], ladder: &dyn Damping, levels: usize) -> Self {
        let n = fixed.len();
        let mut index: Vec<u32> = fixed.iter().map(|f| u32::from(*f)).collect();
        index.resize(n + LEVEL * LEVELS, 0);
        let mut tables = Self { index, numbers: Vec::new() };
        for level in 0..levels {
            let words = tables.append(n, ladder.at(level));
            tables.index[n + LEVEL * level..][..LEVEL].copy_from_slice(&words);
        }
        tables
    }

    fn append(&mut self, n: usize, inverse: &InverseCurvature) -> [u32; LEVEL] {
        let n_tiles = inverse.tiles.len() as u32;
        let diagonal = self.numbers.len() as u32;
        self.numbers.extend(&inverse.diagonal);
        let signs = self.numbers.len() as u32;
        self.numbers.extend(inverse.tiles.iter().flat_map(|t| t.sign));
        let tiles = self.index.len() as u32;
        self.index.resize(self.index.len() + 3 * inverse.tiles.len(), 0);
        let mut per_parameter: Vec<Vec<[u32; 2]>> = vec![Vec::new(); n];
        for (t, tile) in inverse.tiles.iter().enumerate() {
            let (rows, values) = (self.index.len() as u32, self.numbers.len() as u32);
            let place = tiles as usize + 3 * t;
            self.index[place..place + 3].copy_from_slice(&[rows, tile.rows.len() as u32, values]);
            self.index.extend(&tile.rows);
            for (i, &k) in tile.rows.iter().enumerate() {
                per_parameter[k as usize].push([t as u32, values + 4 * i as u32]);
            }
            self.numbers.extend(tile.values.iter().flatten());
        }
        let parameters = self.index.len() as u32;
        let mut next = 0;
        for own in &per_parameter {
            self.index.push(next);
            next += own.len() as u32;
        }
        self.index.push(next);
        let entries = self.index.len() as u32;
        self.index.extend(per_parameter.iter().flatten().flatten());
        [n_tiles, tiles, parameters, entries, diagonal, signs, 0, 0]
    }
}
