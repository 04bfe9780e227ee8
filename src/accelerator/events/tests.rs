use super::*;

/// Numbers are split into what a device gets and what that leaves; nothing is lost between the two.
#[test]
fn what_the_host_keeps() {
    let frame = Frame::of([5000.0, 5600.0], true);
    assert_eq!((frame.middle, frame.half), (5300.0, 300.0));
    for x in [0.1, -5279.65, 1e-30, 1.0 / 3.0] {
        let [near, rest] = frame.number(x);
        assert_eq!(f64::from(near as f32), near);
        assert!(near + rest == x && rest.abs() < 1e-7 * x.abs(), "{x}: {near} {rest}");
        assert_eq!(Frame::PLAIN.number(x), [x, 0.0]);
    }
    assert_eq!(frame.number(f64::MAX), [f64::from(f32::MAX), 0.0]);
    let [near, rest] = frame.level(-3.456_789_012_3);
    // sums with it up to 32 are exact in f32
    assert_eq!(((near * 524_288.0).fract(), near + rest), (0.0, -3.456_789_012_3));
    let x = [5001.25, 5279.65, 5599.0];
    let log_p = [-4.0, f64::NEG_INFINITY, -2.5];
    let given = |weights| Events {
        x: &x,
        window: [5000.0, 5600.0],
        weights,
        columns: vec![&log_p],
        flows: vec![],
    };
    let (held, data) = Held::new(&[given(Some(&[2.0, 0.0, 4.0]))], frame).expect("events");
    let set = &held.sets[0];
    assert_eq!((held.n, held.columns, set.unit, set.weight_sum), (3, 3, 2.0, 6.0));
    assert_eq!((&*set.middles, data.len()), (&[-3.25][..], 15));
    for (i, x) in x.iter().enumerate() {
        let t = data[i] + data[9 + i];
        assert!((held.frame.middle + held.frame.half * t - x).abs() < 1e-12 * x, "{x}");
    }
    assert_eq!((data[3], data[5]), (-0.75, 0.75));
    assert!(data[4] < -1e36, "no density there");
    assert_eq!(data[6..9], [1.0, 0.0, 2.0]);
    let some = Events { x: &x[..1], columns: vec![&log_p[..1]], ..given(None) };
    let (held, data) = Held::new(&[some, given(None)], Frame::PLAIN).expect("events");
    let sets = held.sets.iter().map(|set| (set.begin, set.n, set.weight_sum, set.middles[0]));
    assert_eq!(sets.collect::<Vec<_>>(), [(0, 1, 1.0, -4.0), (1, 3, 3.0, -3.25)]);
    assert_eq!((held.n, held.columns, data[0], &data[1..4]), (4, 2, x[0], &x[..]));
    assert_eq!((data.len(), data[4], data[5]), (8, 0.0, -0.75));
    assert!(Held::new(&[given(None), given(Some(&[1.0; 3]))], Frame::PLAIN).is_err());
}

fn plan(words: &[u32], moments: u32) -> EventPlan {
    let mut all = vec![0; head::WORDS];
    all[head::MOMENTS] = moments;
    all.extend_from_slice(words);
    EventPlan { words: all, numbers: vec![[0.5, 0.0]; 3], flows: vec![] }
}

/// Shares begin with their data set, points of one table go into one call, and calls are not too large.
#[test]
fn calls() {
    let x = [0.0; 10];
    let set = |n: usize| Events {
        x: &x[..n],
        window: [0.0, 1.0],
        weights: None,
        columns: vec![],
        flows: vec![],
    };
    let sets = [set(5), set(0), set(10)];
    let (held, _) = Held::new(&sets, Frame::PLAIN).expect("events");
    let (one, other) = (plan(&[7], 2), plan(&[8], 2));
    let calls = EventCall::all(&held, &[(2, &one), (0, &other), (1, &one), (0, &one)], 4);
    let places: Vec<_> = calls.iter().map(|(_, places)| &places[..]).collect();
    assert_eq!(places, [&[0, 2, 3][..], &[1]]);
    let call = &calls[0].0;
    assert_eq!((call.n(), call.shares(), call.first()), (3, 5, &[0, 3, 3, 5][..]));
    let words = call.words(1..5);
    let list = words[head::LIST] as usize;
    assert_eq!(words[list..], [9, 4, 0, 13, 2, 0, 0, 4, 2, 4, 1, 2]);
    let known = [head::EVENTS, head::SHARES, head::FIRST, head::COLUMNS, head::NUMBERS];
    assert_eq!(known.map(|at| words[at]), [15, 5, 1, 1, 3]);
    assert_eq!((words[list - 1], call.numbers().count()), (7, 9));
    let large = plan(&[], (1 << 20) - 1);
    let calls = EventCall::all(&held, &[(2, &large), (0, &large), (0, &large)], 4);
    let shares: Vec<u32> = calls.iter().map(|(call, _)| call.shares()).collect();
    assert_eq!(shares, [3, 4]);
}
