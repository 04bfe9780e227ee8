//! `neyman scan`: profile likelihoods.

use neyman::model::Data;
use neyman::session::{Scan as Profile, Scan2d, Session};
use neyman::spec::display_name;
use serde_json::{Value, json};

use super::arguments::{Global, Scan};
use super::document::{Document, notes};
use super::failure::Failure;
use super::json::{number, numbers};
use super::load::Loaded;
use super::table::Table;
use super::{Exit, Outcome, load};

pub(crate) fn run(global: &Global, arguments: &Scan) -> Outcome {
    let statement = &arguments.statement;
    let request = load::request(global)?;
    let (loaded, session, data) = super::statement::open_test(global, &request, statement)?;
    load::say_device(global, session.device());
    match &arguments.scanned.parameter[..] {
        [] | [_] => one(arguments, &loaded, &session, &data),
        [_, _] => two(arguments, &loaded, &session, &data),
        more => Err(Failure::usage(format!("--parameter {} times: two at most", more.len()))),
    }
}

fn one(arguments: &Scan, loaded: &Loaded, session: &Session, data: &Data) -> Outcome {
    let options = arguments.scanned.options(arguments.statement.tolerance());
    let scan = session.scan(arguments.scanned.values(), data, &options)?;
    let document = Document::new("scan", loaded, session.device(), None, body(&scan));
    document.write(&arguments.statement.output, None, &text(&scan))?;
    Ok(Exit::of(scan.status))
}

pub(crate) fn body(scan: &Profile) -> Value {
    let point = |p: &neyman::session::ScanPoint| {
        json!({
            "mu": number(p.value),
            "delta_twice_nll": number(p.delta_twice_nll),
            "status": p.status.as_str(),
        })
    };
    let interval = |i: &neyman::session::Interval| {
        json!({
            "level": number(i.level),
            "lower": i.lower.map(number),
            "upper": i.upper.map(number),
        })
    };
    json!({
        "parameter": scan.parameter,
        "best": number(scan.best),
        "twice_nll": number(scan.twice_nll),
        "points": scan.points.iter().map(point).collect::<Vec<_>>(),
        "intervals": scan.intervals.iter().map(interval).collect::<Vec<_>>(),
        "status": scan.status.as_str(),
        "notes": scan.notes,
    })
}

pub(crate) fn text(scan: &Profile) -> String {
    let name = display_name(&scan.parameter);
    let mut table = Table::new(&[&name, "-2 ln L / Lmax", ""]).left(2);
    for p in &scan.points {
        let status = if p.status.is_converged() { "" } else { p.status.as_str() };
        table.row([format!("{:.6}", p.value), format!("{:.6}", p.delta_twice_nll), status.into()]);
    }
    let end = |e: Option<f64>| e.map_or("its bound".into(), |e| format!("{e:.5}"));
    let mut text = format!("{}\nbest fit {name} = {:.5}\n", table.render(), scan.best);
    for i in &scan.intervals {
        let (lower, upper) = (end(i.lower), end(i.upper));
        text.push_str(&format!("{} % interval: {lower} to {upper}\n", 100.0 * i.level));
    }
    text + &notes(&scan.notes, scan.status)
}

fn two(arguments: &Scan, loaded: &Loaded, session: &Session, data: &Data) -> Outcome {
    let [(a, x), (b, y)] = &arguments.scanned.parameter[..] else {
        return Err(Failure::usage("two parameters are needed"));
    };
    let options = arguments.scanned.options(arguments.statement.tolerance());
    let scan = session.scan2d([a, b], &x.0, &y.0, data, &options)?;
    let document = Document::new("scan2d", loaded, session.device(), None, body_of_two(&scan));
    document.write(&arguments.statement.output, None, &text_of_two(&scan))?;
    Ok(Exit::of(scan.status))
}

pub(crate) fn body_of_two(scan: &Scan2d) -> Value {
    let line =
        |line: &Vec<(f64, f64)>| -> Value { line.iter().map(|&(a, b)| numbers(&[a, b])).collect() };
    let contour = |c: &neyman::session::Contour| {
        json!({
            "level": number(c.level),
            "delta": number(c.delta),
            "lines": c.lines.iter().map(line).collect::<Vec<_>>(),
        })
    };
    json!({
        "parameters": scan.parameters,
        "best": numbers(&scan.best),
        "twice_nll": number(scan.twice_nll),
        "x": numbers(&scan.x),
        "y": numbers(&scan.y),
        "delta_twice_nll":
            scan.delta_twice_nll.chunks(scan.x.len().max(1)).map(numbers).collect::<Vec<_>>(),
        "contours": scan.contours.iter().map(contour).collect::<Vec<_>>(),
        "status": scan.status.as_str(),
        "notes": scan.notes,
    })
}

pub(crate) fn text_of_two(scan: &Scan2d) -> String {
    let [a, b] = scan.parameters.each_ref().map(|name| display_name(name));
    let mut text = format!(
        "{} x {} points, best fit {a} = {:.5}, {b} = {:.5}\n",
        scan.x.len(),
        scan.y.len(),
        scan.best[0],
        scan.best[1]
    );
    for contour in &scan.contours {
        let points = contour.lines.iter().flatten();
        let range = |of: fn(&(f64, f64)) -> f64| {
            let (low, high) = points
                .clone()
                .map(of)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            if low <= high { format!("{low:.4} to {high:.4}") } else { "not on the grid".into() }
        };
        let (of_a, of_b) = (range(|p| p.0), range(|p| p.1));
        text.push_str(&format!("{} % contour: {a} {of_a}, {b} {of_b}\n", 100.0 * contour.level));
    }
    text + &notes(&scan.notes, scan.status)
}
