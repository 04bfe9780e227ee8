//! Every kind of document is drawn, whatever its names and numbers are.

mod documents;

use resvg::usvg::roxmltree;
use serde_json::{Value, json};

use super::*;
use documents::{NAMES, all};

fn figures(document: &Value) -> Vec<Figure> {
    draw(document, &Options::default()).unwrap_or_else(|e| panic!("{}: {e}", document["kind"]))
}

/// Coordinates are numbers, and the text can be read by any reader of XML.
fn check(svg: &str) {
    let document = roxmltree::Document::parse(svg).unwrap();
    for node in document.descendants() {
        for attribute in node.attributes() {
            let value = attribute.value();
            assert!(!value.contains("NaN") && !value.contains("inf"), "{attribute:?}");
        }
    }
}

fn texts(svg: &str) -> String {
    let document = roxmltree::Document::parse(svg).unwrap();
    document.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect()
}

#[test]
fn every_kind_is_drawn_the_same_each_time() {
    let documents = all("mu");
    for kind in KINDS {
        assert!(documents.iter().any(|d| d["kind"] == kind), "{kind}");
    }
    for document in &documents {
        let drawn = figures(document);
        assert!(!drawn.is_empty());
        assert_eq!(drawn, figures(document));
        for figure in drawn {
            check(&figure.svg);
            assert!(texts(&figure.svg).contains("search.json · measurement"), "{}", figure.name);
        }
    }
}

#[test]
fn names_may_be_anything() {
    for name in NAMES {
        for document in all(name) {
            figures(&document).iter().for_each(|f| check(&f.svg));
        }
    }
    let document = &all("<&\"'>")[0];
    assert!(texts(&figures(document)[0].svg).contains("<&\"'>"));
}

/// Each number in turn becomes one of those that are none.
#[test]
fn numbers_may_be_missing() {
    fn replace(value: &mut Value, with: &Value, countdown: &mut usize) {
        match value {
            Value::Number(_) if *countdown == 0 => {
                *value = with.clone();
                *countdown = usize::MAX;
            }
            Value::Number(_) => *countdown -= 1,
            Value::Array(list) => list.iter_mut().for_each(|v| replace(v, with, countdown)),
            Value::Object(map) => map.iter_mut().for_each(|(_, v)| replace(v, with, countdown)),
            _ => {}
        }
    }
    for document in all("mu") {
        for with in
            [json!("NaN"), json!("Infinity"), json!("-Infinity"), json!(null), json!(-1e300)]
        {
            for n in (0..40).chain([55, 70, 90]) {
                let (mut changed, mut countdown) = (document.clone(), n);
                replace(&mut changed, &with, &mut countdown);
                figures(&changed).iter().for_each(|f| check(&f.svg));
            }
        }
    }
}

#[test]
fn lists_may_be_short() {
    fn shorten(value: &mut Value, to: usize) {
        match value {
            Value::Array(list) if list.iter().all(Value::is_object) => {
                list.truncate(to);
                list.iter_mut().for_each(|v| shorten(v, to));
            }
            Value::Object(map) => map.iter_mut().for_each(|(_, v)| shorten(v, to)),
            _ => {}
        }
    }
    for mut document in all("mu") {
        if let Some(map) = document.as_object_mut() {
            map.remove("covariance");
        }
        for to in [1, 0] {
            shorten(&mut document, to);
            figures(&document).iter().for_each(|f| check(&f.svg));
        }
    }
    let empty = json!({"kind": "cls", "statistic": "qtilde", "test_statistic": 1.0,
        "cls_observed": 0.5, "cls_expected": [0.1, 0.2, 0.3, 0.4, 0.5],
        "distributions": {"signal_background": [], "background": null}});
    check(&figures(&empty)[0].svg);
}

#[test]
fn complaints_name_the_field() {
    let told =
        |document: &Value, options: &Options| draw(document, options).unwrap_err().to_string();
    let plain = Options::default();
    assert_eq!(told(&json!({}), &plain), "/kind: is missing");
    assert_eq!(told(&json!([]), &plain), "the document: expected an object, found a list");
    assert!(told(&json!({"kind": "toys"}), &plain).starts_with("/kind: there is no drawing of"));
    for document in all("mu") {
        let fields = document.as_object().unwrap().keys();
        for key in fields.filter(|k| !matches!(k.as_str(), "kind" | "poi" | "provenance")) {
            let mut changed = document.clone();
            changed[key] = json!({"not": "this"});
            // what a drawing does not use may be anything
            if let Err(error) = draw(&changed, &plain) {
                let field =
                    error.is_specification() && error.to_string().starts_with(&format!("/{key}"));
                assert!(field || error.is_unsupported(), "{key}: {error}");
            }
        }
    }
    let limit = all("mu").into_iter().find(|d| d["kind"] == "limit").unwrap();
    let mut changed = limit.clone();
    changed["points"][1]["cls_expected"] = json!([1, 2, 3]);
    let message = "/points/1/cls_expected: expected 5 numbers, found 3";
    assert_eq!(told(&changed, &plain), message);
    let wrong = Options { what: Some(What::Prefit), ..Options::default() };
    assert!(told(&limit, &wrong).contains("no drawing prefit"), "{}", told(&limit, &wrong));
    for wrong in [
        Options { size: Some((10.0, f64::NAN)), ..Options::default() },
        Options { threshold: Some(2.0), ..Options::default() },
        Options { top: 0, ..Options::default() },
    ] {
        assert!(draw(&limit, &wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn what_is_asked_for_is_drawn() {
    let find = |kind: &str| all("mu").into_iter().find(|d| d["kind"] == kind).unwrap();
    let fit = find("fit");
    let correlation = Options { what: Some(What::Correlation), ..Options::default() };
    let drawn = draw(&fit, &correlation).unwrap();
    assert!(texts(&drawn[0].svg).contains("0.30"));
    let none = Options { threshold: Some(0.9), ..correlation.clone() };
    assert!(texts(&draw(&fit, &none).unwrap()[0].svg).contains("3 parameters below 0.90"));
    let mut without = fit.clone();
    without["covariance"] = json!(null);
    assert!(draw(&without, &correlation).unwrap_err().is_unsupported());

    let yields = find("yields");
    let names = |options: &Options| -> Vec<String> {
        draw(&yields, options).unwrap().into_iter().map(|f| f.name).collect()
    };
    assert_eq!(names(&Options::default()), ["mu-post-fit", "second-post-fit"]);
    let one =
        Options { what: Some(What::Prefit), channel: Some("second".into()), ..Options::default() };
    assert_eq!(names(&one), ["second-pre-fit"]);
    let wrong = Options { channel: Some("third".into()), ..Options::default() };
    assert!(draw(&yields, &wrong).unwrap_err().to_string().contains("mu, second"));

    let mut events = find("unbinned_fit");
    let names: Vec<String> =
        draw(&events, &Options::default()).unwrap().into_iter().map(|f| f.name).collect();
    assert_eq!(names, ["mu", "weighted"]);
    let one = Options { channel: Some("of two".into()), ..Options::default() };
    assert!(draw(&events, &one).unwrap_err().to_string().contains("--bins N"));
    events["channels"][0]["histogram"]["processes"][0]["expected"] = json!([1, 2]);
    let told = draw(&events, &Options::default()).unwrap_err().to_string();
    let place = "/channels/0/histogram/processes/0/expected: expected 3 numbers";
    assert!(told.starts_with(place), "{told}");

    let mut tmds = find("tmd_fit");
    let drawn = draw(&tmds, &Options::default()).unwrap();
    let words = texts(&drawn[0].svg);
    assert_eq!((drawn.len(), &*drawn[0].name), (1, "cross-sections"));
    assert!(
        words.contains("x = 0.05, Q² = 3 GeV², z = 0.4") && words.contains("PhT [GeV]"),
        "{words}"
    );
    assert!(words.contains("χ² = 3.5 for 4 points"), "{words}");
    // falling momenta are bins of their own
    let many: Vec<Value> = tmds["points"].as_array().unwrap().iter().rev().cloned().collect();
    tmds["points"] = [many.clone(), many].concat().into();
    let names: Vec<String> =
        draw(&tmds, &Options::default()).unwrap().into_iter().map(|f| f.name).collect();
    assert_eq!(names, ["cross-sections"]);
    tmds["points"].as_array_mut().unwrap().truncate(3);
    tmds["points"][1]["pull"] = json!("far");
    let told = draw(&tmds, &Options::default()).unwrap_err().to_string();
    assert!(told.starts_with("/points/1/pull: expected a number"), "{told}");
    tmds["points"] = json!(null);
    assert!(draw(&tmds, &Options::default()).unwrap_err().to_string().contains("fit again"));

    let first = Options {
        top: 1,
        label: Some("work in progress".into()),
        title: Some("Ranking".into()),
        ..Options::default()
    };
    let words = texts(&draw(&find("impacts"), &first).unwrap()[0].svg);
    assert!(words.contains("work in progress") && words.contains("Ranking"));
    assert!(words.contains("jes") && !words.contains("norm"), "{words}");
}

#[test]
fn pictures_have_the_size_asked_for() {
    let options = Options { size: Some((300.0, 240.0)), ..Options::default() };
    for document in all("mu") {
        for figure in draw(&document, &options).unwrap() {
            let png = to_png(&figure.svg, 2.0).unwrap();
            let picture = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
            assert_eq!((picture.width(), picture.height()), (600, 480));
            let dark = picture.pixels().iter().filter(|p| p.red() < 128).count();
            assert!(dark > 500, "{}: {dark}", figure.name);
        }
    }
    assert!(to_png("<svg", 1.0).is_err());
    assert!(to_png(&figures(&all("mu")[0])[0].svg, 1e6).is_err());
}

#[test]
fn a_report_is_one_page() {
    for name in NAMES {
        let mut sections: Vec<Section> = all(name).into_iter().map(Section::Result).collect();
        let missing = Section::Missing { title: "Nothing".into(), reason: "a < b".into() };
        sections.push(missing);
        let page = report(&sections, name, "neyman report").unwrap();
        assert_eq!(page, report(&sections, name, "neyman report").unwrap());
        // what is in a page of HTML, but not in XML
        let xml = page.replace("<!DOCTYPE html>\n", "");
        let xml = xml
            .replace("<meta charset=\"utf-8\">", "")
            .replace("initial-scale=1\">", "initial-scale=1\"/>");
        let xml = xml.replace("<br>", "<br/>");
        let document = roxmltree::Document::parse(&xml).unwrap();
        let has = |tag: &str| document.descendants().filter(|n| n.has_tag_name(tag)).count();
        assert!(has("table") > 5 && has("h2") > 12 && has("script") == 0);
        // figures have a name space of their own
        let figures = document.descendants().filter(|n| n.tag_name().name() == "figure").count();
        assert!(figures > 12, "{figures}");
        let outside = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("http") && !outside.contains("url("));
        assert!(page.contains("Left out: a &lt; b."));
    }
    let broken = [Section::Result(json!({"kind": "limit"}))];
    assert!(report(&broken, "", "").unwrap_err().is_specification());
}

#[test]
fn toys_stand_beside_their_asymptotic_form() {
    for values in [&[][..], &[1.0], &[f64::NAN, f64::INFINITY, -1e-9, 2.0]] {
        let figure = t_mu(values, "a < b", "");
        check(&figure.svg);
        let n = values.iter().filter(|v| !v.is_nan()).count();
        assert!(texts(&figure.svg).contains(&format!("{n} toys")));
    }
}
