#!/usr/bin/env bash
# Packs the check for NVIDIA machines: built here, run there with no Rust and no network (scripts/nvidia_run.sh).
#
#   scripts/nvidia_pack.sh [OUT.tar.gz]      by default target/nvidia.tar.gz
#
# NEYMAN_DATA, a folder with workspaces/ and goldens/, goes along; so does a Python wheel, where one was built.
# PROFILE=debug packs what `cargo test` builds, which is quicker, to try the scripts; its times mean nothing.
# The machine there needs this one's C library or a newer one: build on an old system.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-target/nvidia.tar.gz}
TESTS=(cuda conformance parity parity_reduce parity_unbinned parity_tmd devices limits faults)
say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "$*"; exit 1; }

target=${CARGO_TARGET_DIR:-target} profile=() folder=debug
[ "${PROFILE:-release}" = debug ] || { profile=(--release); folder=release; }
arguments=(--features tmd --bench core)
for name in "${TESTS[@]}"; do arguments+=(--test "$name"); done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pack=$work/neyman-nvidia
mkdir -p "$pack"/{bin,sources/tests,sources/examples}

# builds the command as well: the tests call it
cargo test --locked "${profile[@]}" --no-run "${arguments[@]}" 2>&1 | tee "$work/build.log" >&2
cp "$target/$folder/neyman" "$pack/bin/"
for name in "${TESTS[@]}" core; do
    # "  Executable tests/cuda/main.rs (target/release/deps/cuda-0123456789abcdef)"
    program=$(sed -n "s#^ *Executable .*(\(.*/$name-[0-9a-f]*\))\$#\1#p" "$work/build.log" | tail -n 1)
    [ -x "$program" ] || die "cargo did not say where $name is"
    cp "$program" "$pack/bin/$name"
done
strip --strip-debug "$pack"/bin/*

cp -R cuda "$pack/sources/"
cp -R tests/data "$pack/sources/tests/"
cp examples/search.json "$pack/sources/examples/"
cp scripts/nvidia_run.sh "$pack/run.sh"
if [ -n "${NEYMAN_DATA:-}" ]; then
    mkdir "$pack/data"
    cp -R "$NEYMAN_DATA/workspaces" "$NEYMAN_DATA/goldens" "$pack/data/"
    mkdir "$pack/data/unbinned"
    cp "$NEYMAN_DATA/unbinned/goldens.json" "$pack/data/unbinned/"
    mkdir -p "$pack/data/tmd/dy_n3ll"
    for name in goldens dy_goldens hermes_multiplicities map22_replicas; do
        cp "$NEYMAN_DATA/tmd/$name.json" "$pack/data/tmd/"
    done
    cp "$NEYMAN_DATA/tmd/dy_n3ll/E605_Q_7_8.table.yaml.gz" "$pack/data/tmd/dy_n3ll/"
    cp -R "$NEYMAN_DATA/tmd/fixtures" "$pack/data/tmd/"
    chmod -R u+w "$pack/data"
else
    say "NEYMAN_DATA is not set: no real analyses in the archive"
fi
for wheel in python/dist/*.whl target/wheels/*.whl; do
    [ ! -e "$wheel" ] || cp "$wheel" "$pack/"
done
{
    git describe --always --dirty 2>/dev/null || echo "no git"
    ldd --version 2>/dev/null | sed -n 1p
    rustc --version
    echo "profile $folder"
} >"$pack/BUILD"

tar -czf "$out" -C "$work" neyman-nvidia
bytes=$(wc -c <"$out")
say "$out, $((bytes / 1000000)) MB: unpack it there and run neyman-nvidia/run.sh"
[ "$bytes" -lt 60000000 ] || die "more than 60 MB"
