#!/usr/bin/env bash
# All checks of the project, set-up included. Every step runs, whatever the ones before it did.
# NEYMAN_DATA, a folder with workspaces/ and goldens/, adds the tests on real analyses.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
scripts/setup.sh --checks || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT
summary="" failed=0

step() {
    local name=$1 start=$SECONDS verdict=ok
    shift
    printf '\n== %s: %s\n' "$name" "$*"
    "$@" 2>&1 | tee -a "$log" || { verdict=FAILED; failed=1; }
    summary+=$(printf '%-14s %-6s %4d s' "$name" "$verdict" $((SECONDS - start)))$'\n'
}

# one set of features for all that runs: what is built once serves every step. The crate that onnx needs wants Rust 1.92
features=parquet,tmd
all=(--features "$features,accelerate")
if [ "$(rustc --version | cut -d. -f2)" -ge 92 ]; then features+=,onnx all=(--all-features); fi

step format cargo fmt --all -- --check
step lints cargo clippy --locked --all-targets "${all[@]}" -- -D warnings
step library cargo clippy --locked --all-targets --no-default-features -- -D warnings
step documentation env RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps "${all[@]}"
step doc-tests cargo test --locked --features $features --doc
step tests cargo test --locked --features $features --all-targets --no-fail-fast
# NVIDIA's kernels on a driver that interprets them; with a card, `cargo test` has run them there
if [ "$(uname -s)" = Linux ]; then
    step stand-in cargo test --release --manifest-path tests/standin/Cargo.toml --target-dir target/standin
    step cuda env LD_LIBRARY_PATH="$(scripts/standin.sh)" cargo test --locked --features $features --test cuda
    step cuda-parity env LD_LIBRARY_PATH="$(scripts/standin.sh)" cargo test --locked --features $features --test conformance --test parity --test parity_reduce --test parity_unbinned --test parity_tmd cuda
fi

if [ -z "${NEYMAN_DATA:-}" ]; then summary+="NEYMAN_DATA is not set: tests on real analyses did not run"$'\n'; fi
printf '\n== summary\n%s' "$summary"
# "test result: ok. 3 passed; 0 failed; 1 ignored; ..." of each test program
awk '/^test result:/ { p += $4; f += $6; s += $8 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' "$log"
exit $failed
