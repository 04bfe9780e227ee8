//! What is fuzzed, shared with `tests/fuzz_reader.rs`: the bytes as a workspace, as a patch and as a
//! patchset for a good workspace. Whatever they are, nothing panics, and what is accepted holds.

use neyman::spec::patchset::PatchChoice;
use neyman::spec::{self, LoadOptions, PatchSource};

const GOOD: &[u8] = include_bytes!("../tests/data/all_modifiers.json");

/// Characters of an error or warning that a terminal shows without scrolling for long. Pointers and
/// lists of names are bounded by the nesting limit and the cut of each name.
const MAX_MESSAGE: usize = 16_000;

/// Reads the bytes in every way there is.
pub fn read_workspace(bytes: &[u8]) {
    match spec::load(bytes, &LoadOptions::default()) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                assert_printable(&format!("{}: {}", warning.path, warning.message));
            }
            // what was read is written and read again without change
            let written = spec::to_value(&loaded.workspace);
            let (again, _) = spec::workspace(&written).expect("what was written must be legal");
            assert_eq!(again, loaded.workspace);
        }
        Err(error) => assert_printable(&error.to_string()),
    }
    let choice = PatchChoice::Name("point".into());
    for source in [
        PatchSource::Patch(bytes.to_vec()),
        PatchSource::PatchSet { bytes: bytes.to_vec(), choice },
    ] {
        let options = LoadOptions {
            patches: vec![source],
            skip_verification: true,
            ..LoadOptions::default()
        };
        if let Err(error) = spec::load(GOOD, &options) {
            assert_printable(&error.to_string());
        }
    }
}

fn assert_printable(message: &str) {
    assert!(message.len() < MAX_MESSAGE, "{} bytes of message", message.len());
    assert!(!message.chars().any(char::is_control), "control character in {message:?}");
}
