//! The models of `benches/unbinned.rs` and `benches/unbinned_work.rs`: a peak above an exponential in 60 to 120,
//! yields free.

use neyman::unbinned::model::{Channel, Parameter, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::yields::{Base, Yield};
use neyman::unbinned::{EventTable, Observable, OutOfBounds, UnbinnedModel};

pub(crate) const NAMES: [&str; 2] = ["gauss_exp", "cb_exp"];

/// A model of these events. `start` has n_sig, n_bkg, mu, sigma, lambda and, for `cb_exp`, alpha and n.
pub(crate) fn model(name: &str, events: Vec<f64>, start: &[f64]) -> UnbinnedModel {
    let mass = Observable::new("mass", 60.0, 120.0).expect("a window");
    let all = ["n_sig", "n_bkg", "mu", "sigma", "lambda", "alpha", "n"];
    let most = 10.0 * events.len() as f64;
    let bounds = [
        (0.0, most),
        (0.0, most),
        (80.0, 100.0),
        (0.5, 10.0),
        (-0.2, -1e-4),
        (0.1, 5.0),
        (1.01, 50.0),
    ];
    let parameters = start.iter().zip(all).zip(bounds).map(|((init, name), bounds)| Parameter {
        name: name.into(),
        init: *init,
        bounds,
        constraint: None,
    });
    let (peak, places) = match name {
        "gauss_exp" => (Pdf::gaussian(&mass), vec![2, 3]),
        "cb_exp" => (Pdf::crystal_ball(&mass), vec![2, 3, 5, 6]),
        other => panic!("no model {other}; there are {NAMES:?}"),
    };
    let process = |name: &str, pdf, places: Vec<usize>, yields| Process {
        name: name.into(),
        pdf,
        shape: places.into_iter().map(Slot::Parameter).collect(),
        expected: Yield { base: Base::Parameter(yields), modifiers: vec![] },
    };
    let processes = vec![
        process("signal", peak, places, 0),
        process("background", Pdf::exponential(&mass), vec![4], 1),
    ];
    let columns = vec![("mass".to_owned(), events)];
    let events = EventTable::new(&[mass], columns, None, OutOfBounds::Error).expect("events");
    let channel = Channel { name: "SR".into(), events, processes };
    UnbinnedModel::new(parameters.collect(), vec![channel]).expect("a model")
}
