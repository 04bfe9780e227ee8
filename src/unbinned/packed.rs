//! Symmetric matrices as the rows of their lower triangles, one after the other.

/// Place of an element, whichever of its indices is the larger.
pub(super) const fn place(i: usize, j: usize) -> usize {
    let (row, column) = if i >= j { (i, j) } else { (j, i) };
    row * (row + 1) / 2 + column
}

/// Row and column of a place.
pub(super) fn row_and_column(at: usize) -> (usize, usize) {
    let mut row = ((2.0 * at as f64 + 0.25).sqrt() - 0.5) as usize;
    // whichever way the root was rounded
    while place(row + 1, 0) <= at {
        row += 1;
    }
    while place(row, 0) > at {
        row -= 1;
    }
    (row, at - place(row, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_undone() {
        let mut at = 0;
        for row in 0..60 {
            for column in 0..=row {
                assert_eq!((place(row, column), place(column, row)), (at, at));
                assert_eq!(row_and_column(at), (row, column));
                at += 1;
            }
        }
    }
}
