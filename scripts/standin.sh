#!/bin/sh
# Builds the stand-in driver and prints the folder that goes first into LD_LIBRARY_PATH:
#     LD_LIBRARY_PATH="$(scripts/standin.sh)" cargo test --features cuda --test cuda
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
target=${NEYMAN_STANDIN_TARGET:-$here/target/standin}
cargo build --quiet --release --manifest-path "$here/tests/standin/Cargo.toml" --target-dir "$target" 1>&2
# the driver is opened by this name first
ln -sf libcuda.so "$target/release/libcuda.so.1"
echo "$target/release"
