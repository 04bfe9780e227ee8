//! Which registers may be read before they are written.
//!
//! A register that every path defines before a use costs nothing while the kernel runs. Only the
//! other uses are looked at then, and reading nothing is an error.

use crate::program::{Checked, Kernel, Slot, Step};

/// Marks every step of `kernel` that may read an undefined register.
pub fn mark(kernel: &mut Kernel) {
    let (n, slots) = (kernel.code.len(), kernel.template.len());
    let row = slots.div_ceil(64);
    // What is defined before each step, on every path that reaches it.
    let mut before = vec![u64::MAX; n * row];
    for &root in &kernel.roots {
        for s in 0..row {
            before[root as usize * row + s] = 0;
        }
        for (s, v) in kernel.template.iter().enumerate() {
            if *v != crate::program::UNDEFINED {
                before[root as usize * row + s / 64] |= 1 << (s % 64);
            }
        }
        for (s, _) in &kernel.specials {
            before[root as usize * row + *s as usize / 64] |= 1 << (s % 64);
        }
    }
    let mut changed = true;
    while changed {
        changed = false;
        for pc in 0..n {
            let mut after = before[pc * row..(pc + 1) * row].to_vec();
            for d in kernel.writes(&kernel.code[pc]) {
                after[d as usize / 64] |= 1 << (d % 64);
            }
            for to in kernel.next(pc).into_iter().filter(|t| *t < n) {
                for (have, new) in before[to * row..(to + 1) * row].iter_mut().zip(&after) {
                    changed |= *have & !new != 0;
                    *have &= new;
                }
            }
        }
    }
    for pc in 0..n {
        let step = kernel.code[pc];
        let mut doubtful: Vec<(Slot, String)> = Vec::new();
        for s in kernel.reads(&step) {
            if before[pc * row + s as usize / 64] >> (s % 64) & 1 == 0
                && !doubtful.iter().any(|d| d.0 == s)
            {
                doubtful.push((
                    s,
                    kernel.names.get(&s).cloned().unwrap_or_else(|| "a register".into()),
                ));
            }
        }
        if !doubtful.is_empty() {
            kernel.code[pc] = Step::Checked(kernel.checked.len() as u32);
            kernel.checked.push(Checked { step, slots: doubtful });
        }
    }
}
