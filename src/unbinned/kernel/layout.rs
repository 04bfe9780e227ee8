//! Which columns and which sums there are.

use crate::unbinned::packed::place;
use crate::unbinned::pdf::local::Local;

/// What to work out; each with all that stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::unbinned) enum Order {
    Value,
    Gradient,
    /// With the information `sum w d d'`, d the derivatives of an event's log-likelihood: never negative, and in
    /// the mean the Hessian.
    Hessian,
}

/// The columns of all processes, and the sums of their products.
#[derive(Debug, Clone)]
pub(in crate::unbinned) struct Layout {
    pub(in crate::unbinned) order: Order,
    pub(super) processes: Vec<Columns>,
    /// Numbers of columns: slopes and curves; their products with densities, and the densities.
    pub(super) shapes: usize,
    pub(super) terms: usize,
    pub(super) moments: usize,
    pub(super) rows: Vec<Row>,
    /// Number of yields and free parameters.
    pub(in crate::unbinned) variables: usize,
}

/// A process's part.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) slopes: usize,
    pub(super) curves: usize,
    /// First column among shapes and among terms.
    pub(super) shapes: usize,
    pub(super) terms: usize,
    /// First sum of a density times two slopes, where there are any, and times a curve.
    pub(super) products: Option<usize>,
    pub(super) curve_sums: usize,
}

/// Sums of one weighted term with other columns.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) term: usize,
    /// Column and place of the sum.
    pub(super) with: Vec<(Right, usize)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Right {
    One,
    Term(usize),
    Shape(usize),
}

impl Layout {
    pub(in crate::unbinned) fn new(locals: &[Local], order: Order) -> Self {
        let free: usize = locals.iter().map(Local::free).sum();
        let mut layout = Self {
            order,
            processes: Vec::new(),
            shapes: 0,
            terms: 0,
            moments: 0,
            rows: Vec::new(),
            variables: locals.len() + free,
        };
        for local in locals {
            // a fixed shape has none, whatever it is made from
            let moves = local.free() > 0;
            let slopes = if moves && order >= Order::Gradient { local.slopes } else { 0 };
            let curves = if moves && order == Order::Hessian { local.curves } else { 0 };
            let (shapes, terms) = (layout.shapes, layout.terms);
            layout.shapes += slopes + curves;
            layout.terms += 1 + slopes;
            layout.processes.push(Columns {
                slopes,
                curves,
                shapes,
                terms,
                products: (order == Order::Hessian && local.products).then_some(0),
                curve_sums: 0,
            });
        }
        if order >= Order::Gradient {
            layout.place_sums();
        }
        layout
    }

    fn place_sums(&mut self) {
        let terms = self.terms;
        let pairs = if self.order == Order::Hessian { terms * (terms + 1) / 2 } else { 0 };
        let mut next = terms + pairs;
        for columns in &mut self.processes {
            if let Some(products) = &mut columns.products {
                *products = next;
                next += columns.slopes * (columns.slopes + 1) / 2;
            }
            columns.curve_sums = next;
            next += columns.curves;
            for j in 0..=columns.slopes {
                let term = columns.terms + j;
                let mut with = vec![(Right::One, term)];
                if pairs > 0 {
                    with.extend((0..=term).map(|b| (Right::Term(b), terms + place(term, b))));
                }
                if let (Some(products), 1..) = (columns.products, j) {
                    let sums = (1..=j).map(|k| products + place(j - 1, k - 1));
                    with.extend(sums.zip(columns.shapes..).map(|(at, c)| (Right::Shape(c), at)));
                }
                if j == 0 {
                    let curves = columns.shapes + columns.slopes..;
                    let sums = columns.curve_sums..next;
                    with.extend(curves.zip(sums).map(|(c, at)| (Right::Shape(c), at)));
                }
                self.rows.push(Row { term, with });
            }
        }
        self.moments = next;
    }
}
