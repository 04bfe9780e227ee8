#!/usr/bin/env bash
# The Python package: build it, and run its tests, the examples in its docstrings, and the checks of its types and
# stubs. All goes to target/python; the virtual environment there is kept and used again.
#
#   scripts/python.sh [ARGUMENTS OF PYTEST]
#
# PYTHON=python3.12 chooses another interpreter, PROFILE=release the build that users get (minutes more). With
# LINTS=1 formatting and lints of its Rust too. With NEYMAN_DATA set, tests on shared workspaces run as well.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=$PWD/target/python
venv=$CARGO_TARGET_DIR/venv

if [ "${LINTS:-0}" = 1 ]; then
    cargo fmt --manifest-path python/Cargo.toml -- --check
    cargo clippy --locked --manifest-path python/Cargo.toml --profile quick -- -D warnings
fi

python=$venv/bin/python
scripts/pip.sh "$venv" 'maturin>=1.8,<2' numpy scipy pyhf iminuit cabinetry hist matplotlib pytest \
    mypy distributed torch jax numba-stats pyarrow onnx onnxruntime
features=()
# the crate that onnx needs wants Rust 1.92
if [ "$(rustc --version | cut -d. -f2)" -ge 92 ]; then features=(--features onnx); fi
VIRTUAL_ENV=$venv "$venv/bin/maturin" develop --locked --profile "${PROFILE:-quick}" "${features[@]}" \
    --manifest-path python/Cargo.toml

cd python
"$python" -m mypy
"$python" -m mypy.stubtest neyman._core
"$python" -m pytest "$@"
