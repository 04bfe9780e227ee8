//! Contour lines of a function on a grid: marching squares.

/// A line, point by point; closed where the first point is also the last.
pub type Line = Vec<Point>;

type Point = (f64, f64);

/// Lines on which the function of `values`, `[y.len(), x.len()]`, is `level`. Cells with a value that is
/// not a finite number are left out.
///
/// On the edges of a cell the square root is taken as linear: likelihoods are nearly parabolas. The two ways
/// to join four crossings of a cell are told apart by its mean.
pub fn contours(x: &[f64], y: &[f64], values: &[f64], level: f64) -> Vec<Line> {
    let columns = x.len();
    let root = |v: f64| v.max(0.0).sqrt();
    let height = |i: usize, j: usize| root(values[j * columns + i]) - root(level);
    // an edge is the grid point it begins at and its direction
    let crossing = |(i, j, up): Edge| {
        let (k, l) = if up { (i, j + 1) } else { (i + 1, j) };
        let (a, b) = (height(i, j), height(k, l));
        let share = if a == b { 0.5 } else { a / (a - b) };
        (x[i] + share * (x[k] - x[i]), y[j] + share * (y[l] - y[j]))
    };
    let mut segments = Vec::new();
    for j in 0..y.len().saturating_sub(1) {
        for i in 0..columns.saturating_sub(1) {
            let corners = [height(i, j), height(i + 1, j), height(i + 1, j + 1), height(i, j + 1)];
            if corners.iter().all(|h| h.is_finite()) {
                let ends = cell(i, j, corners).into_iter();
                segments.extend(ends.map(|(a, b)| ((a, crossing(a)), (b, crossing(b)))));
            }
        }
    }
    join(segments)
}

/// Grid point, and whether it leads up (or to the right).
type Edge = (usize, usize, bool);

/// Segments through one cell; corners counter-clockwise from the lower left.
fn cell(i: usize, j: usize, corners: [f64; 4]) -> Vec<(Edge, Edge)> {
    let edges = [(i, j, false), (i + 1, j, true), (i, j + 1, false), (i, j, true)];
    let above = corners.map(|h| h >= 0.0);
    let crossed: Vec<Edge> =
        (0..4).filter(|&k| above[k] != above[(k + 1) % 4]).map(|k| edges[k]).collect();
    match crossed[..] {
        [a, b] => vec![(a, b)],
        [a, b, c, d] => {
            // edges in order: below, right, above, left
            let centre = corners.iter().sum::<f64>() >= 0.0;
            if centre == above[0] { vec![(a, b), (c, d)] } else { vec![(a, d), (b, c)] }
        }
        _ => Vec::new(),
    }
}

/// Lines from segments that share an edge. A segment's ends are an edge and the place on it.
pub(crate) fn join<E: PartialEq + Copy>(mut segments: Vec<((E, Point), (E, Point))>) -> Vec<Line> {
    let mut lines = Vec::new();
    while let Some((from, to)) = segments.pop() {
        let mut line = std::collections::VecDeque::from([from.1, to.1]);
        let (mut first, mut last) = (from.0, to.0);
        while let Some(i) =
            segments.iter().position(|(a, b)| [a.0, b.0].iter().any(|e| *e == last || *e == first))
        {
            let (a, b) = segments.swap_remove(i);
            if a.0 == last || b.0 == last {
                let next = if a.0 == last { b } else { a };
                line.push_back(next.1);
                last = next.0;
            } else {
                let next = if a.0 == first { b } else { a };
                line.push_front(next.1);
                first = next.0;
            }
        }
        lines.push(line.into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(n: usize, f: impl Fn(f64, f64) -> f64) -> (Vec<f64>, Vec<f64>) {
        let x: Vec<f64> = (0..n).map(|i| -2.0 + 4.0 * i as f64 / (n - 1) as f64).collect();
        let values = x.iter().flat_map(|&b| x.iter().map(move |&a| (a, b))).map(|(a, b)| f(a, b));
        let values = values.collect();
        (x, values)
    }

    #[test]
    fn a_circle_is_one_closed_line() {
        let (x, values) = grid(21, |a, b| a * a + b * b);
        let lines = contours(&x, &x, &values, 1.0);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        assert!(lines[0].len() > 20);
        for (a, b) in &lines[0] {
            let radius = (a * a + b * b).sqrt();
            assert!((radius - 1.0).abs() < 5e-3, "{radius}");
        }
    }

    #[test]
    fn open_double_and_broken_ones() {
        // cut by the edge of the grid
        let (x, values) = grid(21, |a, b| (a - 2.0).powi(2) + b * b);
        let lines = contours(&x, &x, &values, 1.0);
        assert_eq!(lines.len(), 1);
        assert_ne!(lines[0].first(), lines[0].last());
        let (x, values) =
            grid(41, |a, b| ((a - 1.0).powi(2) + b * b).min((a + 1.0).powi(2) + b * b));
        assert_eq!(contours(&x, &x, &values, 0.25).len(), 2);
        let (x, mut values) = grid(21, |a, b| a * a + b * b);
        values[10 * 21 + 15] = f64::NAN;
        let lines = contours(&x, &x, &values, 1.0);
        assert!(!lines.is_empty() && lines.iter().flatten().all(|p| p.0.is_finite()));
        assert!(contours(&[], &[], &[], 1.0).is_empty());
    }

    #[test]
    fn saddles_are_joined_by_their_mean() {
        let values = [0.0, 2.0, 2.0, 0.0];
        let lines = contours(&[0.0, 1.0], &[0.0, 1.0], &values, 1.0);
        assert_eq!(lines.len(), 2);
    }
}
