//! Models in ONNX in the memory of the card that holds the events, by the stand-in driver, whose memory the processor's
//! provider can write: nothing of an event travels to the host.

use neyman::accelerator::DeviceRequest;
use neyman::session::FitOptions;
use neyman::unbinned::UnbinnedModel;
use neyman::unbinned::pdf::flow::onnx::reach_cards;

use crate::common::cuda::{alone, card, is_stand_in};
use crate::exported::{ends_there, every_model, not_a_number, peak, points, recorded_flow};
use crate::models::library;
use crate::standin::{copied, reach};
use crate::writer::Kind;
use crate::{Device, F64, agree};

const DEVICE: Device = Device {
    name: "cuda f64, models there",
    contract: F64,
    request: crate::cuda,
    largest: || 10_000,
};

#[test]
fn models_on_the_card() {
    if library() && card().is_some_and(|card| is_stand_in(&card)) {
        // copies are counted, and where models run is a process's
        alone("resident::on_the_card", &[]);
    }
}

/// A card that is lost between a model's run and the next is told.
#[test]
fn a_card_that_is_lost() {
    if library() && card().is_some_and(|card| is_stand_in(&card)) {
        for launches in ["lost_after=0", "lost_after=2", "lost_after=7", "out_of_memory=100000"] {
            alone("resident::lost", &[("NEYMAN_STANDIN_FAULT", launches)]);
        }
    }
}

#[test]
#[ignore = "started by the other tests"]
fn lost() {
    assert!(library());
    // SAFETY: as below.
    unsafe { reach_cards(reach) };
    let (model, _) = peak(Kind::Double, 3000);
    let request = DeviceRequest { host_fallback: false, ..crate::cuda().expect("a card") };
    let fitted = model
        .on_device(&request)
        .and_then(|(model, _)| model.fit(&FitOptions::default()).map(|_| ()));
    assert!(fitted.expect_err("lost").is_device());
}

#[test]
#[ignore = "started by the other tests"]
fn on_the_card() {
    let n = 4200;
    assert!(library());
    let there = |model: &UnbinnedModel| DEVICE.load(model).expect("a device");
    let by_the_host =
        [every_model(n, true), every_model(150, false)].map(|model| (there(&model), model));
    // SAFETY: the driver gives its own memory, which lives as long as the allocation and is read between launches.
    unsafe { reach_cards(reach) };
    for (host, model) in by_the_host {
        let card = there(&model);
        for theta in points(&model) {
            // the same columns, so the same bits
            for (a, b) in [
                (host.nll(&theta), card.nll(&theta)),
                (host.gradient(&theta), card.gradient(&theta)),
                (host.hessian(&theta), card.hessian(&theta)),
            ] {
                assert_eq!(a.expect("a likelihood"), b.expect("a likelihood"));
            }
        }
        DEVICE.points(&model, &points(&model), &format!("{} events", model.n_events()));
    }
    let (model, _) = peak(Kind::Single, n);
    let card = there(&model);
    let theta = [0.3 * n as f64, 0.7 * n as f64, 0.4, 1.5, 0.0];
    // two densities, of which one has two free numbers: sums of a point with its counts, and no more
    for (order, sums) in [(0, 1), (1, 5), (2, 21)] {
        let before = copied();
        match order {
            0 => card.nll(&theta),
            1 => card.gradient(&theta),
            _ => card.hessian(&theta),
        }
        .expect("a likelihood");
        let after = copied();
        assert_eq!(after[1] - before[1], 8 * sums + 12, "order {order}: bytes to the host");
        let to_card = after[0] - before[0];
        assert!(to_card < 1000, "order {order}: {to_card} bytes, events are copied again");
    }
    if let Some(model) = recorded_flow("flow_tiny_f32.onnx", 700) {
        let card = there(&model);
        let nll = |model: &UnbinnedModel| model.nll(&[650.0, 0.3]).expect("a likelihood").nll;
        let (before, found, after) = (copied(), nll(&card), copied());
        assert_eq!(after[1] - before[1], 8 + 12, "nothing else to the host");
        assert!((found - nll(&model)).abs() < 1e-8, "two observables: {found}");
    }
    let options = FitOptions::default();
    let (found, want) = (card.fit(&options).expect("a fit"), model.fit(&options).expect("a fit"));
    let found = (&*found.parameters, &*found.uncertainties);
    agree(&DEVICE, "a fit on the card", found, (&want.parameters, &want.uncertainties));
    // what is not finite the processor tells, with the event
    let theta = [4.0, 0.5, 2.0];
    for kind in [Kind::Single, Kind::Double] {
        let (bad, ends) = (not_a_number(kind), ends_there(kind));
        let value = |model: &UnbinnedModel| model.nll(&theta).map(|_| ());
        let all = |model: &UnbinnedModel| model.hessian(&theta).map(|_| ());
        type Asked<'a> = &'a dyn Fn(&UnbinnedModel) -> neyman::Result<()>;
        let cases: [(&UnbinnedModel, Asked<'_>, &str); 3] =
            [(&bad, &value, "event 104"), (&bad, &all, "event 104"), (&ends, &all, "event 0")];
        for (model, asked, says) in cases {
            let told = |model: &UnbinnedModel| asked(model).expect_err("refused").to_string();
            let found = told(&there(model));
            assert_eq!(found, told(model));
            assert!(found.contains(&format!("{says}: the model gives NaN")), "{found}");
        }
        value(&there(&ends)).expect("a likelihood");
    }
}
