//! Lines of equal value through scattered points: a Delaunay triangulation (Bowyer, Watson; Computer
//! J. 24 (1981) 162 and 167) with linear interpolation on its triangles.

use crate::infer::contour::join;

type Point = (f64, f64);

/// Triangles between points.
#[derive(Debug)]
pub(crate) struct Mesh {
    points: Vec<Point>,
    triangles: Vec<[usize; 3]>,
}

impl Mesh {
    /// Points that are not finite, and all but one of those at the same place, are in no triangle.
    pub(crate) fn new(points: &[Point]) -> Self {
        let triangles = triangulate(points);
        Self { points: points.to_vec(), triangles }
    }

    /// Where the values are `level`, as lines.
    pub(crate) fn contour(&self, values: &[f64], level: f64) -> Vec<Vec<Point>> {
        let mut segments = Vec::new();
        for triangle in &self.triangles {
            let corner = triangle.map(|i| (self.points[i], values[i]));
            if corner.iter().any(|c| !c.1.is_finite()) {
                continue;
            }
            let mut ends = Vec::new();
            for (i, j) in [(0, 1), (1, 2), (2, 0)] {
                let ((a, va), (b, vb)) = (corner[i], corner[j]);
                if (va < level) != (vb < level) {
                    // an edge belongs to two triangles: the same bits from both sides
                    let edge = (triangle[i].min(triangle[j]), triangle[i].max(triangle[j]));
                    let part = (level - va) / (vb - va);
                    ends.push((edge, (a.0 + part * (b.0 - a.0), a.1 + part * (b.1 - a.1))));
                }
            }
            if let [from, to] = ends[..] {
                segments.push((from, to));
            }
        }
        join(segments)
    }
}

fn triangulate(points: &[Point]) -> Vec<[usize; 3]> {
    let finite: Vec<usize> =
        (0..points.len()).filter(|&i| points[i].0.is_finite() && points[i].1.is_finite()).collect();
    // in units of the spread: masses in GeV and logarithms of lifetimes are of different size
    let spread = |of: fn(&Point) -> f64| {
        let (low, high) = finite.iter().fold((f64::MAX, f64::MIN), |(l, h), &i| {
            (l.min(of(&points[i])), h.max(of(&points[i])))
        });
        (low, if high > low { high - low } else { 1.0 })
    };
    let ((x0, dx), (y0, dy)) = (spread(|p| p.0), spread(|p| p.1));
    let mut at: Vec<Point> = points.iter().map(|p| ((p.0 - x0) / dx, (p.1 - y0) / dy)).collect();
    let n = at.len();
    at.extend([(-50.0, -40.0), (60.0, -45.0), (0.5, 70.0)]);
    let mut triangles = vec![[n, n + 1, n + 2]];
    for (k, &i) in finite.iter().enumerate() {
        if finite[..k].iter().any(|&j| at[j] == at[i]) {
            continue;
        }
        let (bad, good): (Vec<[usize; 3]>, Vec<_>) =
            triangles.into_iter().partition(|t| in_circle(t.map(|j| at[j]), at[i]));
        triangles = good;
        let edges = || bad.iter().flat_map(|t| [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])]);
        for (a, b) in edges() {
            let shared = edges().filter(|e| *e == (a, b) || *e == (b, a)).count() > 1;
            if !shared && area(at[a], at[b], at[i]) != 0.0 {
                triangles.push([a, b, i]);
            }
        }
    }
    // slivers along a straight edge of the grid would join what is not near
    let thick = |t: &[usize; 3]| area(at[t[0]], at[t[1]], at[t[2]]).abs() > 1e-9;
    triangles.retain(|t| t.iter().all(|&i| i < n) && thick(t));
    triangles
}

/// Twice the area, positive where the corners turn left.
fn area(a: Point, b: Point, c: Point) -> f64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

fn in_circle(corners: [Point; 3], p: Point) -> bool {
    let [a, b, c] = corners.map(|q| {
        let (x, y) = (q.0 - p.0, q.1 - p.1);
        (x, y, x * x + y * y)
    });
    let determinant = a.0 * (b.1 * c.2 - c.1 * b.2) - a.1 * (b.0 * c.2 - c.0 * b.2)
        + a.2 * (b.0 * c.1 - c.0 * b.1);
    determinant * area(corners[0], corners[1], corners[2]) > 1e-12
}

/// The part of a polygon, of corners with values, where the value is below `level`.
pub(crate) fn clip_below(polygon: &[(Point, f64)], level: f64) -> Vec<Point> {
    let mut kept = Vec::new();
    for (i, &(a, va)) in polygon.iter().enumerate() {
        let (b, vb) = polygon[(i + 1) % polygon.len()];
        if va < level {
            kept.push(a);
        }
        if (va < level) != (vb < level) {
            let part = (level - va) / (vb - va);
            // one end may be infinite
            let part = if part.is_finite() { part } else { 0.5 };
            kept.push((a.0 + part * (b.0 - a.0), a.1 + part * (b.1 - a.1)));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(n: usize) -> Vec<Point> {
        (0..n * n).map(|i| ((i % n) as f64, 100.0 * (i / n) as f64)).collect()
    }

    #[test]
    fn a_grid_is_covered_once() {
        let points = grid(6);
        let mesh = Mesh::new(&points);
        assert_eq!(mesh.triangles.len(), 50);
        let total: f64 = mesh
            .triangles
            .iter()
            .map(|t| area(points[t[0]], points[t[1]], points[t[2]]).abs() / 2.0)
            .sum();
        assert!((total - 2500.0).abs() < 1e-6, "{total}");
    }

    #[test]
    fn contours_are_joined() {
        let points = grid(6);
        let values: Vec<f64> = points.iter().map(|p| p.0 + p.1 / 100.0).collect();
        let lines = Mesh::new(&points).contour(&values, 4.5);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].iter().all(|p| (p.0 + p.1 / 100.0 - 4.5).abs() < 1e-9));
        // a hill: one closed line
        let hill: Vec<f64> =
            points.iter().map(|p| (p.0 - 2.5).powi(2) + (p.1 / 100.0 - 2.5).powi(2)).collect();
        let lines = Mesh::new(&points).contour(&hill, 3.0);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
    }

    #[test]
    fn few_and_odd_points_are_no_triangles() {
        for points in
            [&[][..], &[(0.0, 0.0)], &[(0.0, 0.0); 5], &[(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]]
        {
            assert!(Mesh::new(points).triangles.is_empty(), "{points:?}");
        }
        let mesh = Mesh::new(&[(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (f64::NAN, 2.0)]);
        assert_eq!(mesh.triangles.len(), 1);
        assert!(mesh.contour(&[0.0, f64::INFINITY, 1.0, 0.0], 0.5).is_empty());
    }

    #[test]
    fn polygons_are_cut() {
        let triangle = [((0.0, 0.0), 0.0), ((2.0, 0.0), 2.0), ((0.0, 2.0), 0.0)];
        assert_eq!(clip_below(&triangle, 1.0), [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 2.0)]);
        assert!(clip_below(&triangle, -1.0).is_empty());
    }
}
