//! Where a block's working memory lies, in shared memory or in the card's, changes no bit; nor is one of them raced in.

use crate::common::cuda::{alone, card, is_stand_in};
use crate::common::own;
use crate::{fit_toys, load, long};
use neyman::model::Model;
use neyman::model::interpolation::Interpolation;

/// Blocks of one warp, and of four.
fn models() -> [(&'static str, Model, u64); 2] {
    let compile = |document| own::compile(&document, Interpolation::default());
    [("small", compile(own::all_seven()), 40), ("long", compile(long::document()), 2)]
}

/// Of all fits.
fn bits() -> String {
    let of = |(_, model, n): (&str, Model, u64)| {
        let fits = fit_toys(&*load(&model), &model, n);
        assert_eq!(fits.failure, None);
        fits.nll
            .into_iter()
            .chain(fits.parameters)
            .map(|x| format!("{:x}.", x.to_bits()))
            .collect::<String>()
    };
    models().map(of).concat()
}

#[test]
fn where_working_memory_lies_changes_no_bit() {
    let Some(card) = card().filter(is_stand_in) else { return };
    assert_eq!(card.shared.multiprocessor, 233_472);
    let bits = bits();
    // from all of both models' to nothing of either
    for shared in ["131072", "65536", "49152", "32768", "16384"] {
        let environment = [("NEYMAN_STANDIN_SHARED", shared), ("NEYMAN_TEST_BITS", &*bits)];
        alone("working::same_bits", &environment);
    }
}

#[test]
#[ignore = "started by the other tests"]
fn same_bits() {
    let expected = std::env::var("NEYMAN_TEST_BITS").expect("started by another test");
    assert!(bits() == expected);
}
