use super::*;
use serde_json::json;

/// The examples of RFC 6902, appendix A.
#[test]
fn examples_of_the_rfc() {
    for (document, patch, expected) in [
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux"}]),
            json!({"baz": "qux", "foo": "bar"}),
        ),
        (
            json!({"foo": ["bar", "baz"]}),
            json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
            json!({"foo": ["bar", "qux", "baz"]}),
        ),
        (
            json!({"baz": "qux", "foo": "bar"}),
            json!([{"op": "remove", "path": "/baz"}]),
            json!({"foo": "bar"}),
        ),
        (
            json!({"foo": ["bar", "qux", "baz"]}),
            json!([{"op": "remove", "path": "/foo/1"}]),
            json!({"foo": ["bar", "baz"]}),
        ),
        (
            json!({"baz": "qux", "foo": "bar"}),
            json!([{"op": "replace", "path": "/baz", "value": "boo"}]),
            json!({"baz": "boo", "foo": "bar"}),
        ),
        (
            json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
            json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
            json!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
        ),
        (
            json!({"foo": ["all", "grass", "cows", "eat"]}),
            json!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
            json!({"foo": ["all", "cows", "eat", "grass"]}),
        ),
        (
            json!({"baz": "qux", "foo": ["a", 2, "c"]}),
            json!([{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2.0}]),
            json!({"baz": "qux", "foo": ["a", 2, "c"]}),
        ),
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/child", "value": {"grandchild": {}}}]),
            json!({"foo": "bar", "child": {"grandchild": {}}}),
        ),
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}]),
            json!({"foo": "bar", "baz": "qux"}),
        ),
        (
            json!({"/": 9, "~1": 10}),
            json!([{"op": "test", "path": "/~01", "value": 10}]),
            json!({"/": 9, "~1": 10}),
        ),
        (
            json!({"foo": ["bar"]}),
            json!([{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]),
            json!({"foo": ["bar", ["abc", "def"]]}),
        ),
        (json!({"foo": 1}), json!([{"op": "add", "path": "", "value": [1]}]), json!([1])),
        (
            json!({"": 1}),
            json!([{"op": "copy", "from": "/", "path": "/a"}]),
            json!({"": 1, "a": 1}),
        ),
        (json!([1, 2]), json!([{"op": "move", "from": "/0", "path": "/0"}]), json!([1, 2])),
    ] {
        assert_eq!(apply(&document, &patch).unwrap(), expected, "{patch}");
    }
}

#[test]
fn errors_say_what_was_there() {
    let document = json!({"channels": [{"name": "SR", "samples": [1]}, 2]});
    for (patch, message) in [
        (json!({}), "the document: expected an array, found an object"),
        (
            json!([{"op": "add", "path": "/channels/99999999999/samples/0", "value": 1}]),
            "/0/path: index 99999999999 is out of range: the array at \"/channels\" has 2 elements",
        ),
        (
            json!([{"op": "add", "path": "/channels/99999999999999999999999", "value": 1}]),
            "/0/path: index \"99999999999999999999999\" is out of range: the array at \"/channels\" has 2 elements",
        ),
        (
            json!([{"op": "add", "path": "/channels/3", "value": 1}]),
            "/0/path: index 3 is out of range: the array at \"/channels\" has 2 elements",
        ),
        (
            json!([{"op": "add", "path": "/channels/01", "value": 1}]),
            "/0/path: \"01\" is no index of the array at \"/channels\"",
        ),
        (
            json!([{"op": "remove", "path": "/channels/-"}]),
            "/0/path: \"-\" is no index of the array at \"/channels\"",
        ),
        (json!([{"op": "remove", "path": ""}]), "/0/path: the whole document cannot be removed"),
        (
            json!([{"op": "replace", "path": "/channels/0/nam", "value": 1}]),
            "/0/path: no key \"nam\" at \"/channels/0\"; did you mean \"name\"?; there are \"name\", \"samples\"",
        ),
        (
            json!([{"op": "add", "path": "/channels/1/x", "value": 1}]),
            "/0/path: the value at \"/channels/1\" is neither an object nor an array",
        ),
        (
            json!([{"op": "add", "path": "channels", "value": 1}]),
            "/0/path: a JSON pointer starts with \"/\", this is \"channels\"",
        ),
        (
            json!([{"op": "add", "path": "/a~", "value": 1}]),
            "/0/path: \"~\" in a JSON pointer must be written \"~0\", and \"/\" in a key \"~1\", found \"a~\"",
        ),
        (json!([{"op": "add", "path": "/a"}]), "/0: the key \"value\" is missing"),
        (
            json!([{"op": "move", "from": "/channels", "path": "/channels/0"}]),
            "/0/path: \"/channels\" cannot be moved into itself",
        ),
        (
            json!([{"op": "test", "path": "/channels/1", "value": 3}]),
            "/0: the test failed: \"/channels/1\" holds another value",
        ),
        (
            json!([{"op": "increment", "path": "/a"}]),
            "/0/op: unknown operation \"increment\"; there are add, remove, replace, move, copy, test",
        ),
    ] {
        assert_eq!(apply(&document, &patch).unwrap_err().to_string(), message);
    }
}

#[test]
fn copies_are_bounded_in_size_and_depth() {
    let document = json!({"a": ["some text"]});
    let bomb = json!(vec![json!({"op": "copy", "from": "/a", "path": "/a/-"}); 60]);
    assert!(apply(&document, &bomb).unwrap_err().to_string().contains("size limit"));
    let deep: Vec<_> = (1..=MAX_DEPTH)
        .map(|depth| json!({"op": "add", "path": format!("/a{}", "/0".repeat(depth)), "value": []}))
        .collect();
    let error = apply(&document, &json!(deep)).unwrap_err().to_string();
    assert!(error.contains("nested deeper than 64 levels"), "{error}");
    let flat = json!({"a": "x".repeat(1 << 20)});
    let many: Vec<_> =
        (0..70).map(|i| json!({"op": "copy", "from": "/a", "path": format!("/{i}")})).collect();
    let error = apply(&flat, &json!(many)).unwrap_err().to_string();
    assert_eq!(error, "/63: size limit: this patch copies more than 64 MiB");
}
