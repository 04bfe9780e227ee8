use super::*;
use serde_json::json;

fn fails(text: &str) -> String {
    parse(text.as_bytes()).expect_err(text).to_string()
}

#[test]
fn values_arrive_unchanged() {
    let text = "\u{feff}{\"a\": [1, 1.0, -3, 0.1, 1e-400, 18446744073709551615], \"b\": null}";
    let value = parse(text.as_bytes()).unwrap();
    assert_eq!(value, json!({"a": [1, 1.0, -3, 0.1, 0.0, 18446744073709551615_u64], "b": null}));
    assert!(value["a"][0].is_u64() && value["a"][1].is_f64());
}

#[test]
fn long_numbers_take_linear_time() {
    let text = format!("[5{}.{}]", "0", "0".repeat(2_000_000));
    let start = std::time::Instant::now();
    assert_eq!(parse(text.as_bytes()).unwrap(), json!([50.0]));
    assert!(start.elapsed().as_secs_f64() < 2.0);
}

#[test]
fn errors_say_where_and_what_to_do() {
    for (text, message) in [
        ("", "line 1, column 1: empty input: expected a JSON document"),
        (" \n", "line 1, column 1: empty input: expected a JSON document"),
        ("{\"a\": 1,\n}", "line 2, column 1: trailing comma"),
        (
            "{} {}",
            "line 1, column 4: trailing characters after the end of the document: a file holds one JSON value",
        ),
        ("// x\n{}", "line 1, column 1: JSON has no comments: remove this one"),
        ("[\n NaN]", "line 2, column 2: NaN is not a JSON number: give a finite number, at /0"),
        ("[nan]", "line 1, column 3: nan is not a JSON number: give a finite number, at /0"),
        (
            "[1, -Infinity]",
            "line 1, column 6: Infinity is not a JSON number: give a finite number, at /1",
        ),
        ("{'a': 1}", "line 1, column 2: JSON strings stand in double quotes"),
        ("{\"a\": True}", "line 1, column 7: True is Python: JSON has true, at /a"),
        ("{\"a\": [1", "line 1, column 8: unexpected end of file (while parsing a list), at /a/1"),
        (
            "{\"a\": [1e400]}",
            "/a/0: line 1, column 12: the number is out of range (the largest is 1.7976931348623157e308)",
        ),
        (
            "[{\"a~b/\": 1, \"a~b/\": 2}]",
            "/0/a~0b~1: line 1, column 19: the key \"a~b/\" stands twice in this object; keep one",
        ),
        (
            "<a/>",
            "line 1, column 1: this is XML or HTML: HistFactory XML is not read yet, convert it with `pyhf xml2json`",
        ),
    ] {
        assert_eq!(fails(text), message);
    }
    assert!(fails("[\"a\\ud800b\"]").ends_with(", at /0"));
}

#[test]
fn limits_hold() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(fails(&nested(MAX_DEPTH + 1)).contains("nested deeper than 64 levels"));
    assert!(fails(&nested(100_000)).contains("nested deeper than 64 levels"));
    let error = parse_limited(b"[1, 2]", 3).unwrap_err().to_string();
    assert!(error.contains("6 bytes, the limit is 3"), "{error}");
    let error = parse(b"[\"a\",\n\"\xff\"]").unwrap_err().to_string();
    assert_eq!(error, "line 2, column 2: invalid UTF-8 at byte offset 7 (0xff)");
}
