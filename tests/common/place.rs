//! Where things are: as built, or where the environment says, so that test programs run on machines
//! without Rust and without this folder (`scripts/nvidia_run.sh`).

use std::path::PathBuf;

fn place(variable: &str, built: &str) -> PathBuf {
    std::env::var_os(variable).filter(|v| !v.is_empty()).map_or_else(|| built.into(), PathBuf::from)
}

/// The root of the repository, or what `NEYMAN_SOURCES` names.
pub(crate) fn sources() -> PathBuf {
    place("NEYMAN_SOURCES", env!("CARGO_MANIFEST_DIR"))
}

/// A folder to write to: `NEYMAN_SCRATCH`.
pub(crate) fn scratch() -> PathBuf {
    place("NEYMAN_SCRATCH", env!("CARGO_TARGET_TMPDIR"))
}

/// The command `neyman`: `NEYMAN_BINARY`.
#[cfg(feature = "cli")]
pub(crate) fn binary() -> PathBuf {
    place("NEYMAN_BINARY", env!("CARGO_BIN_EXE_neyman"))
}
