use super::*;
use serde_json::json;

fn document() -> Value {
    json!({"a": [1, 2.0]})
}

fn patchset() -> Value {
    // the digest is Python's: hashlib.sha256(json.dumps({"a": [1, 2.0]}).encode()).hexdigest()
    json!({
        "metadata": {
            "references": {"hepdata": "ins1234567"},
            "description": "two points",
            "digests": {"sha256": "601b331fd761efadb181024d653f0f0795fc422956e3ddd1b912487901934894"},
            "labels": ["m1", "m2"],
            "analysis_id": "free text"
        },
        "patches": [
            {"metadata": {"name": "p_100_1", "values": [100, 1]},
             "patch": [{"op": "replace", "path": "/a/0", "value": 5}]},
            {"metadata": {"name": "p_200_x", "values": [200, "x"]},
             "patch": [{"op": "replace", "path": "/a/7", "value": 6}]}
        ],
        "version": "1.0.0"
    })
}

fn fails(change: impl Fn(&mut Value)) -> String {
    let mut value = patchset();
    change(&mut value);
    PatchSet::from_value(&value).unwrap_err().to_string()
}

#[test]
fn patches_are_found_by_name_and_by_values() {
    let set = PatchSet::from_value(&patchset()).unwrap();
    set.verify(&document()).unwrap();
    let by_name = PatchChoice::Name("p_100_1".into());
    assert_eq!(set.patch(&by_name).unwrap(), set.patch(&PatchChoice::values("100.0, 1")).unwrap());
    assert_eq!(set.patch(&PatchChoice::values("200,x")).unwrap().name, "p_200_x");
    assert_eq!(set.apply(&document(), &by_name).unwrap(), json!({"a": [5, 2.0]}));
    let error = set.patch(&PatchChoice::Name("p_100_2".into())).unwrap_err().to_string();
    assert!(error.contains("did you mean \"p_100_1\"?"), "{error}");
    let error = set.patch(&PatchChoice::values("1,2")).unwrap_err().to_string();
    assert!(error.contains("(1, 2) of \"m1\", \"m2\""), "{error}");
    let error = set.apply(&document(), &PatchChoice::values("200,x")).unwrap_err().to_string();
    assert!(error.starts_with("/patches/1/patch/0/path: index 7"), "{error}");
}

#[test]
fn another_workspace_is_refused() {
    let set = PatchSet::from_value(&patchset()).unwrap();
    let error = set.verify(&json!({"a": [1, 2]})).unwrap_err();
    assert!(error.is_digest() && error.is_specification());
    let text = error.to_string();
    let actual = digest(&json!({"a": [1, 2]}), "sha256").unwrap();
    assert!(
        text.contains("601b331fd761efadb181024d653f0f0795fc422956e3ddd1b912487901934894")
            && text.contains(&actual)
            && text.contains("skip the verification")
    );
}

#[test]
fn broken_sets_are_refused_at_their_place() {
    for (error, start) in [
        (
            fails(|v| v["patches"][1]["metadata"]["name"] = json!("p_100_1")),
            "/patches/1/metadata/name: a second patch",
        ),
        (
            fails(|v| v["patches"][1]["metadata"]["values"] = json!([100.0, 1])),
            "/patches/1/metadata/values: a second patch with the values (100.0, 1)",
        ),
        (
            fails(|v| v["patches"][0]["metadata"]["values"] = json!([100])),
            "/patches/0/metadata/values: expected 2 values",
        ),
        (
            fails(|v| v["patches"][0]["metadata"]["values"] = json!([null, 1])),
            "/patches/0/metadata/values/0: expected a number or a string, found null",
        ),
        (
            fails(|v| v["patches"][0]["patch"] = json!({})),
            "/patches/0/patch: expected an array of operations",
        ),
        (fails(|v| v["metadata"]["digests"] = json!({})), "/metadata/digests: expected a digest"),
        (
            fails(|v| v["metadata"]["labels"] = json!([])),
            "/metadata/labels: this array must not be empty",
        ),
        (fails(|v| v["version"] = json!("2.0.0")), "/version: unknown version \"2.0.0\""),
        (fails(|v| v["patches"] = json!([])), "/patches: this array must not be empty"),
        (fails(|v| *v = json!([])), "the document: this is a JSON patch"),
    ] {
        assert!(error.starts_with(start), "{error}");
    }
}
