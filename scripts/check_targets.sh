#!/usr/bin/env bash
# What one Debian 12 machine (x86-64) can prove about the other systems.
#
#   scripts/check_targets.sh check [TARGET...] [-- CARGO ARGS]   type-check, by default library and command
#                                                                for the four below
#   scripts/check_targets.sh test [-- CARGO ARGS]                tests as NEON code under QEMU, by default those
#                                                                of the lanes and of their bits
#
# No root, nothing installed: packages are fetched by name and unpacked under $WORK (5 GB with target folder).
# A target whose standard library the active toolchain has (`rustup target add`) is checked with that toolchain.
# The others are checked with Debian's newest compiler, which comes with the source of its own library.
# LIMIT: seconds for one cargo command, by default 1500.
set -euo pipefail
cd "$(dirname "$0")/.."

TARGETS=(aarch64-apple-darwin x86_64-apple-darwin x86_64-pc-windows-msvc aarch64-unknown-linux-gnu)
# bit equality of widths and of processors, elementary functions, the toys' generator
LANE_TESTS=(fit::tests accelerator::cpu model::toys)
LIMIT=${LIMIT:-1500}
# shellcheck source=scripts/unpack.sh
. scripts/unpack.sh

# rustc-web and rust-web-src are always one version, which is what building the standard library needs
use_debian_rustc() {
    unpack rust rustc-web rust-web-src
    export RUSTC=$WORK/rust/usr/bin/rustc RUSTDOC=$WORK/rust/usr/bin/rustdoc RUSTC_BOOTSTRAP=1
    LD_LIBRARY_PATH=$(library_path rust)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH
    "$RUSTC" -V >&2
}

has_std() { [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ]; }

with_debian_rustc() { # TARGET... -- CARGO ARGS
    local targets=()
    while [ "$1" != -- ]; do targets+=(--target "$1"); shift; done
    shift
    (
        use_debian_rustc
        CARGO_TARGET_DIR=$WORK/target exec timeout "$LIMIT" cargo check --locked --keep-going "-Zbuild-std=std,panic_abort" "${targets[@]}" "$@"
    )
}

check_one() {
    local target=$1
    shift
    if has_std "$target"; then CARGO_TARGET_DIR=$WORK/target timeout "$LIMIT" cargo check --locked --target "$target" "$@"
    else with_debian_rustc "$target" -- "$@"
    fi
}

check() {
    local targets=() without=() target log start=$SECONDS verdict failed=0
    while [ $# -gt 0 ] && [ "$1" != -- ]; do targets+=("$1"); shift; done
    [ $# -eq 0 ] || shift
    [ ${#targets[@]} -gt 0 ] || targets=("${TARGETS[@]}")
    [ $# -gt 0 ] || set -- --features accelerate
    for target in "${targets[@]}"; do has_std "$target" || without+=("$target"); done
    if [ ${#without[@]} -gt 0 ]; then
        unpack rust rustc-web rust-web-src
        # all at once, so that no core waits; what it makes of each is asked below
        with_debian_rustc "${without[@]}" -- "$@" >"$WORK/check.log" 2>&1 || true
        printf '%-28s %4d s\n' "libraries and dependencies" $((SECONDS - start))
    fi
    for target in "${targets[@]}"; do
        log=$WORK/check-$target.log start=$SECONDS verdict=ok
        (check_one "$target" "$@") >"$log" 2>&1 || { verdict="FAILED, see $log"; failed=1; }
        printf '%-28s %4d s  %s\n' "$target" $((SECONDS - start)) "$verdict"
        [ "$verdict" = ok ] || grep -E -A6 '^error|panicked at|error occurred' "$log" | cut -c1-200 | head -n 60 >&2 || tail -n 20 "$log" >&2
    done
    return $failed
}

run_tests() {
    [ "${1:-}" != -- ] || shift
    [ $# -gt 0 ] || set -- --lib --no-default-features -- "${LANE_TESTS[@]}"
    local target=aarch64-unknown-linux-gnu cross=$WORK/aarch64 linker library std=()
    unpack aarch64 gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
    library=$cross/usr/aarch64-linux-gnu/lib
    linker=$(find "$cross/usr/bin" -name 'aarch64-linux-gnu-gcc-[0-9]*' | head -n 1)
    # static: the dynamic libc.so is a linker script with fixed paths
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-Ctarget-feature=+crt-static -Clink-arg=-B$library -Clink-arg=-L$library"
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$linker CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=$cross/usr/bin/qemu-aarch64
    has_std $target || { use_debian_rustc; std=("-Zbuild-std=std,test,panic_abort,panic_unwind"); }
    LD_LIBRARY_PATH=$(library_path aarch64)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH PATH="$cross/usr/bin:$PATH"
    local log=$WORK/test-aarch64.log
    # dependencies unoptimised: their code hardly runs, and compiling is what takes long
    CARGO_TARGET_DIR=$WORK/target timeout "$LIMIT" cargo test --locked "${std[@]}" --target $target \
        --config 'profile.test.package."*".opt-level=0' "$@" 2>&1 | tee "$log"
    # a filter that fits nothing passes too
    grep -q '^test result: ok. [1-9]' "$log" || die "no test ran"
}

case ${1:-} in
    check) shift; check "$@" ;;
    test) shift; run_tests "$@" ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
