//! Every malformed or hostile input of the shared collection ends as its index says a good tool
//! ends. The files are not part of the repository: `NEYMAN_DATA` names their directory.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use neyman::Error;
use neyman::spec::patchset::{PatchChoice, PatchSet};
use neyman::spec::{self, LoadOptions, Loaded, PatchSource, digest, json};
use serde_json::Value;

/// Loading ends in well under a second, whatever comes.
const MAX_TIME: Duration = Duration::from_secs(1);

/// What must come of a file.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// An error at this JSON pointer with these words.
    Refused(&'static str, &'static str),
    /// Not JSON: an error at this line with these words.
    NotJson(usize, &'static str),
    /// No error and no warning.
    Accepted,
    /// No error, but a warning at this pointer with these words.
    Warned(&'static str, &'static str),
}
use Outcome::{Accepted, NotJson, Refused, Warned};

/// The files whose fault only the model can see; the format is in order. `bad_models.rs` holds what
/// becomes of them.
const MODEL_LEVEL: [&str; 4] = [
    "number_1e308_sum_overflow.json",
    "negative_yield_total_negative.json",
    "zero_rate_nonzero_observed.json",
    "staterror_zero_nominal.json",
];

#[rustfmt::skip]
const OUTCOMES: &[(&str, Outcome)] = &[
    ("syntax_trailing_comma", NotJson(115, "trailing comma")),
    ("syntax_truncated", NotJson(51, "unexpected end of file")),
    ("syntax_comments", NotJson(1, "no comments")),
    ("empty_file", NotJson(1, "empty input")),
    ("top_level_array", Refused("", "expected an object at the root")),
    ("top_level_null", Refused("", "expected an object at the root")),
    ("two_documents", NotJson(116, "trailing characters")),
    ("real_fragment_tschannel", NotJson(1, "trailing characters")),
    ("encoding_invalid_utf8", NotJson(21, "byte offset 274")),
    ("encoding_utf8_bom", Accepted),
    ("lone_surrogate_name", NotJson(21, "must come in pairs, each with four digits, at /channels/0/samples/1/name")),
    ("nul_and_control_in_names", Accepted),
    ("literal_nan", NotJson(23, "NaN is not a JSON number: give a finite number, at /channels/0/samples/1/data/0")),
    ("literal_infinity", NotJson(24, "Infinity is not a JSON number: give a finite number, at /channels/0/samples/1/data/1")),
    ("number_1e400", Refused("/channels/0/samples/1/data/0", "out of range")),
    ("number_1e_minus_400", Accepted),
    ("number_exponent_overflow", Refused("/channels/0/samples/1/data/0", "out of range")),
    ("number_400_digit_integer", Refused("/channels/0/samples/1/data/0", "out of range")),
    ("number_100k_digits", Accepted),
    ("number_1e308_sum_overflow", Accepted),
    ("number_as_string", Refused("/channels/0/samples/1/data/0", "remove the quotes")),
    ("number_bool", Refused("/channels/0/samples/1/data/0", "expected a number")),
    ("data_null", Refused("/channels/0/samples/1/data", "expected an array, found null")),
    ("missing_channels", Refused("", "\"channels\" is missing")),
    ("missing_observations", Refused("", "\"observations\" is missing")),
    ("missing_measurements", Refused("", "\"measurements\" is missing")),
    ("missing_version", Refused("", "\"version\" is missing")),
    ("empty_channels", Refused("/channels", "must not be empty")),
    ("empty_observations", Refused("/observations", "must not be empty")),
    ("empty_measurements", Refused("/measurements", "must not be empty")),
    ("version_2", Refused("/version", "schema 1.0.0")),
    ("extra_property", Refused("/channels/0/samples/1/colour", "unknown key \"colour\"")),
    ("channel_without_samples", Refused("/channels/1/samples", "must not be empty")),
    ("zero_bin_channel", Refused("/channels/1/samples/0/data", "must not be empty")),
    ("sample_length_mismatch", Refused("/channels/0/samples/1/data", "expected 2 bins")),
    ("observation_length_mismatch", Refused("/observations/0/data", "expected 2 bins")),
    ("observation_missing_channel", Refused("/channels/1", "\"CR\" has no observation")),
    ("observation_unknown_channel", Warned("/observations/2/name", "is no channel")),
    ("duplicate_key_in_object", Refused("/channels/0/name", "\"name\" stands twice")),
    ("duplicate_channel_name", Refused("/channels/1/name", "second channel named \"SR\"")),
    ("duplicate_sample_name", Refused("/channels/0/samples/1/name", "second sample")),
    ("duplicate_modifier", Refused("/channels/0/samples/1/modifiers/3", "second")),
    ("duplicate_measurement_name", Refused("/measurements/1/name", "second measurement")),
    ("modifier_unknown_type", Refused("/channels/0/samples/1/modifiers/0/type", "did you mean \"normsys\"?; known are \"histosys\"")),
    ("modifier_missing_data", Refused("/channels/0/samples/1/modifiers/0", "\"data\" is missing")),
    ("modifier_missing_name", Refused("/channels/0/samples/1/modifiers/0", "\"name\" is missing")),
    ("normfactor_with_data", Refused("/channels/0/samples/0/modifiers/0/data", "expected null")),
    ("normsys_hi_zero", Refused("/channels/0/samples/1/modifiers/0/data/hi", "greater than 0")),
    ("normsys_lo_negative", Refused("/channels/0/samples/1/modifiers/0/data/lo", "greater than 0")),
    ("normsys_hi_missing", Refused("/channels/0/samples/1/modifiers/0/data", "\"hi\" is missing")),
    ("histosys_length_mismatch", Refused("/channels/0/samples/1/modifiers/1/data/hi_data", "expected 2 bins")),
    ("histosys_lo_missing", Refused("/channels/0/samples/1/modifiers/1/data", "\"lo_data\" is missing")),
    ("shapesys_length_mismatch", Refused("/channels/0/samples/1/modifiers/2/data", "found 3")),
    ("shapesys_negative", Refused("/channels/0/samples/1/modifiers/2/data/0", "negative")),
    ("shapesys_zero_uncertainty", Accepted),
    ("shapesys_zero_nominal", Accepted),
    ("shapesys_shared_by_two_samples", Refused("/channels/0/samples/0/modifiers/1", "one sample of one channel")),
    ("staterror_length_mismatch", Refused("/channels/1/samples/0/modifiers/1/data", "expected 1 bin,")),
    ("staterror_negative", Refused("/channels/1/samples/0/modifiers/1/data/0", "negative")),
    ("staterror_zero_nominal", Accepted),
    ("staterror_shared_across_channels", Warned("/channels/0/samples/1/modifiers/3", "nothing is correlated")),
    ("shared_name_normsys_normfactor", Refused("/channels/0/samples/0/modifiers/1", "unconstrained")),
    ("shared_name_normsys_shapesys", Refused("/channels/0/samples/1/modifiers/2", "Poisson")),
    ("shared_name_normsys_histosys_ok", Accepted),
    ("shapefactor_shared_different_bins", Refused("/channels/1/samples/0/modifiers/2", "equal binning")),
    ("lumi_without_config", Refused("/measurements/0/config/parameters", "lumi needs auxdata, sigmas")),
    ("lumi_wrong_name", Refused("/channels/0/samples/0/modifiers/1/name", "must be named \"lumi\"")),
    ("negative_yield_total_positive", Warned("/channels/0/samples/0/data/0", "negative expected count")),
    ("negative_yield_total_negative", Warned("/channels/0/samples/0/data/0", "negative expected count")),
    ("zero_nominal_nonzero_histosys", Accepted),
    ("zero_rate_zero_observed", Accepted),
    ("zero_rate_nonzero_observed", Accepted),
    ("observation_negative", Refused("/observations/0/data/0", "cannot be negative")),
    ("observation_noninteger", Accepted),
    ("poi_not_in_model", Refused("/measurements/0/config/poi", "\"mu_SIG\" is in no modifier")),
    ("poi_missing_key", Refused("/measurements/0/config", "\"poi\" is missing")),
    ("poi_empty_string_ok", Accepted),
    ("poi_is_vector", Refused("/measurements/0/config/poi", "must be one parameter")),
    ("poi_is_constrained_nuisance", Warned("/measurements/0/config/poi", "constrained nuisance")),
    ("config_unknown_parameter", Warned("/measurements/0/config/parameters/0/name", "\"no_such_par\"")),
    ("config_inits_wrong_length", Refused("/measurements/0/config/parameters/0/inits", "expected 1 value")),
    ("config_bounds_reversed", Refused("/measurements/0/config/parameters/0/bounds/0", "above the upper")),
    ("config_bounds_wrong_shape", Refused("/measurements/0/config/parameters/0/bounds/0", "pair [lower, upper]")),
    ("config_init_outside_bounds", Refused("/measurements/0/config/parameters/0/inits/0", "outside its bounds")),
    ("config_duplicate_parameter", Refused("/measurements/0/config/parameters/1/name", "second configuration")),
    ("config_auxdata_on_normfactor", Refused("/measurements/0/config/parameters/0/auxdata", "no auxdata")),
    ("all_parameters_fixed", Accepted),
    ("name_collides_with_component", Warned("/channels/0/samples/1/modifiers/0/name", "prints like component 0")),
    ("deep_nesting_arrays", NotJson(1, "nested deeper than 64 levels")),
    // the index names the value in which the levels begin, the error the level that is too deep
    ("deep_nesting_in_modifier_data", NotJson(1, "at /channels/0/samples/1/modifiers/2/data/0")),
    ("patch_index_huge", Refused("/0/path", "out of range")),
    ("patch_copy_bomb", Refused("/14", "size limit")),
    // HS3 is refused as a whole, so its declared sizes never matter
    ("hs3_declared_bins_1e9", Refused("/distributions", "HS3")),
    ("name_one_megabyte", Accepted),
    ("many_tiny_channels", Accepted),
];

fn data() -> Option<PathBuf> {
    let data = std::env::var_os("NEYMAN_DATA").map(PathBuf::from);
    if data.is_none() {
        println!("skipped: NEYMAN_DATA is not set");
    }
    data
}

fn read(path: PathBuf) -> Vec<u8> {
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn load(kind: &str, bytes: Vec<u8>) -> Result<Loaded, Error> {
    if kind != "patch" {
        return spec::load(&bytes, &LoadOptions::default());
    }
    let good = include_bytes!("data/all_modifiers.json");
    let patches = vec![PatchSource::Patch(bytes)];
    spec::load(good, &LoadOptions { patches, ..LoadOptions::default() })
}

/// What is wrong with a result, if anything.
fn compare(expected: Outcome, result: &Result<Loaded, Error>) -> Result<(), String> {
    let holds = match (expected, result) {
        (Refused(at, words), Err(Error::Specification { path, message })) => {
            path == at && message.contains(words)
        }
        (NotJson(at, words), Err(Error::Syntax { line, message, .. })) => {
            *line == at && message.contains(words)
        }
        (Accepted, Ok(loaded)) => loaded.warnings.is_empty(),
        (Warned(at, words), Ok(loaded)) => {
            loaded.warnings.iter().any(|w| w.path == at && w.message.contains(words))
        }
        _ => false,
    };
    let shown = match result {
        Ok(loaded) => format!("accepted with {:?}", loaded.warnings),
        Err(error) => error.to_string(),
    };
    let printable = shown.len() < 4000 && !shown.chars().any(char::is_control);
    if holds && printable { Ok(()) } else { Err(format!("expected {expected:?}, got {shown}")) }
}

#[test]
fn bad_inputs_end_as_the_index_says() {
    let Some(data) = data() else { return };
    let index = json::parse(&read(data.join("bad/index.json"))).unwrap();
    let inputs = index["inputs"].as_array().unwrap();
    let mut wrong = Vec::new();
    for input in inputs {
        let file = input["file"].as_str().unwrap();
        let name = file.trim_end_matches(".json");
        let Some((_, expected)) = OUTCOMES.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("{file}: no outcome in the table"));
            continue;
        };
        let bytes = read(data.join("bad").join(file));
        let start = Instant::now();
        let result = load(input["kind"].as_str().unwrap(), bytes);
        let elapsed = start.elapsed();
        if elapsed > MAX_TIME {
            wrong.push(format!("{file}: took {elapsed:?}"));
        }
        if let Err(message) = compare(*expected, &result).and_then(|()| agrees(input, *expected)) {
            wrong.push(format!("{file}: {message}"));
        }
        if MODEL_LEVEL.contains(&file) && result.is_err() {
            wrong.push(format!("{file}: the format is in order, the fault is the model's to find"));
        }
    }
    assert_eq!(inputs.len(), OUTCOMES.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), inputs.len(), wrong.join("\n"));
}

/// The table itself against the index: its pointer, and accept or reject.
fn agrees(input: &Value, expected: Outcome) -> Result<(), String> {
    let advice = input["good_tool"].as_str().unwrap_or_default();
    let pointer = input["json_pointer"].as_str();
    let (refused, at) = match expected {
        Refused(at, _) => (true, Some(at)),
        NotJson(..) => (true, None),
        Warned(at, _) => (false, Some(at)),
        Accepted => (false, None),
    };
    let file = input["file"].as_str().unwrap_or_default();
    let allowed = if refused { "reject" } else { "accept" };
    let model = MODEL_LEVEL.contains(&file);
    if !(advice.contains(allowed) || (!refused && (model || advice.contains("warn")))) {
        return Err(format!("the index says: {advice}"));
    }
    match (at, pointer) {
        (Some(at), Some(pointer)) if at != pointer && file != "hs3_declared_bins_1e9.json" => {
            Err(format!("the index says {pointer}"))
        }
        _ => Ok(()),
    }
}

#[test]
fn good_workspaces_load() {
    let Some(data) = data() else { return };
    let index = json::parse(&read(data.join("workspaces/index.json"))).unwrap();
    let entries = index.as_array().unwrap();
    let folder = std::fs::read_dir(data.join("workspaces")).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let mut loaded = 0;
    for path in paths.filter(|path| path.file_name().unwrap() != "index.json") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // background-only workspaces name a parameter of interest that their signal patches bring
        let without = entries.iter().any(|entry| entry["file"] == *name && entry["poi"].is_null());
        let poi = without.then(String::new);
        let options = LoadOptions { poi, ..LoadOptions::default() };
        let start = Instant::now();
        let result = spec::load(&read(path), &options);
        let workspace = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name}: {:?}, {:?}", start.elapsed(), workspace.warnings);
        assert!(start.elapsed() < MAX_TIME);
        let written = spec::to_value(&workspace.workspace);
        assert_eq!(spec::workspace(&written).unwrap().0, workspace.workspace, "{name}");
        loaded += 1;
    }
    assert!(loaded >= entries.len());
}

#[test]
fn published_digests_are_verified() {
    let Some(data) = data() else { return };
    let folder = data.join("patchsets");
    let index = json::parse(&read(folder.join("index.json"))).unwrap();
    for entry in index.as_array().unwrap() {
        let bytes = read(folder.join(entry["file"].as_str().unwrap()));
        let workspace = match entry.get("workspace_file") {
            Some(path) => read(data.join(path.as_str().unwrap())),
            None => {
                let name = entry["workspace"].as_str().unwrap();
                read(data.join(format!("workspaces/{name}.json")))
            }
        };
        let document = json::parse(&workspace).unwrap();
        let set = PatchSet::from_value(&json::parse(&bytes).unwrap()).unwrap();
        if let Some(expected) = entry.get("workspace_digest") {
            assert_eq!(digest::digest(&document, "sha256").unwrap(), expected.as_str().unwrap());
        }
        let matches = entry["digest_matches"].as_bool().unwrap();
        assert_eq!(set.verify(&document).is_ok(), matches, "{}", entry["file"]);
        for patch in &set.patches {
            let choice = PatchChoice::Values(patch.values.clone());
            let patches = vec![PatchSource::PatchSet { bytes: bytes.clone(), choice }];
            let mut options = LoadOptions { patches, ..LoadOptions::default() };
            let result = spec::load(&workspace, &options);
            if !matches {
                assert!(result.unwrap_err().is_digest());
                options.skip_verification = true;
                // some real signal patches use lumi where no measurement configures it
                match spec::load(&workspace, &options) {
                    Ok(_) => {}
                    Err(error) => assert!(error.to_string().contains("lumi needs"), "{error}"),
                }
            } else {
                result.unwrap();
            }
        }
    }
    let duplicate = read(folder.join("patchset_bad_duplicate_patch_name.json"));
    let error = PatchSet::from_value(&json::parse(&duplicate).unwrap()).unwrap_err();
    assert!(error.to_string().starts_with("/patches/1/metadata/name: a second patch"), "{error}");
    let good = read(folder.join("patchset_good_2_patches.json"));
    assert_eq!(PatchSet::from_value(&json::parse(&good).unwrap()).unwrap().patches.len(), 2);
}
