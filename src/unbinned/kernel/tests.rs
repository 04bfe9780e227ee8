use pulp::Arch;

use super::*;
use crate::unbinned::events::Observable;
use crate::unbinned::pdf::Pdf;

/// All forms in one mixture, with and without weights.
#[test]
fn instruction_sets_agree_to_the_bit() {
    let x = Observable::new("x", 0.5, 10.5).expect("a window");
    let known = "a density";
    let densities = [
        (Pdf::gaussian(&x), vec![4.0, 0.7]),
        (Pdf::exponential(&x), vec![-0.3]),
        (Pdf::lognormal(&x).expect(known), vec![1.2, 0.4]),
        (Pdf::argus(&x).expect(known), vec![9.0, -1.5, 0.5]),
        (Pdf::breit_wigner(&x), vec![6.0, 0.5]),
        (Pdf::double_crystal_ball(&x), vec![5.0, 0.6, 1.2, 3.0, 0.8, 2.0]),
        (Pdf::chebyshev(&x, 2).expect(known), vec![0.2, -0.1]),
        (Pdf::polynomial(&x, 1).expect(known), vec![1.0, 0.3]),
        (Pdf::bernstein(&x, 3).expect(known), vec![0.2, 0.9, 0.4, 0.1]),
    ];
    let local = |(pdf, theta): &(Pdf, Vec<f64>)| {
        // m0 of the argus is held
        let free: Vec<usize> = (usize::from(pdf.kind() == "argus")..theta.len()).collect();
        pdf.local(theta, &free).expect("in its domain").expect("known to the kernel")
    };
    let locals: Vec<Local> = densities.iter().map(local).collect();
    let yields: Vec<f64> = (0..locals.len()).map(|p| 10.0 * p as f64).collect();
    let layout = Layout::new(&locals, Order::Hessian);
    let point = Point { layout: &layout, locals: &locals, yields: &yields };
    let n = 700;
    let events: Vec<f64> = (0..n).map(|i| 0.5 + 10.0 * (f64::from(i) * 0.618).fract()).collect();
    let weights: Vec<f64> = (0..n).map(|i| f64::from(i % 7)).collect();
    for weights in [None, Some(&*weights)] {
        let with = |arch: Arch| {
            let sources = densities.iter().map(|_| Source::Events(&events)).collect();
            let chunk = Chunk { n: events.len(), weights, sources };
            let mut room = Workspace::new(&layout);
            let part = arch.dispatch(Sums { point: &point, chunk: &chunk, room: &mut room });
            part.expect("moderate numbers")
        };
        let widest = with(Arch::new());
        assert_eq!(with(Arch::Scalar), widest);
        assert!(widest.first.len() == point.layout.variables && widest.zero_density == 0);
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            assert_eq!(with(Arch::V3(simd)), widest);
        }
    }
}
