#!/usr/bin/env bash
# Every kernel text by compilers other than those of this machine's graphics driver. No graphics processor is needed.
#
#   scripts/check_shaders.sh [FOLDER]   FOLDER of <kernel>_<arithmetic>.wgsl and .metal; by default written anew
#
#   dawn    every WGSL text but f64 through Dawn and Tint: a second implementation of WGSL beside naga
#   metal   naga's Metal texts through clang as C++ for OpenCL: syntax, types, address spaces
#   math    the double-float arithmetic, naga's Metal text as C++ by clang and gcc with -O3 -ffast-math, with and
#           without fused multiply-add: error-free transforms stay exact, functions within their bounds
#
# Each check is also given a damaged text and must refuse it. Packages are fetched by name (Debian 12) and unpacked
# under $WORK, no root; Node.js and npm are installed where they lack, which needs root.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/unpack.sh
. scripts/unpack.sh

TOOLS=$PWD/scripts/shaders
LIMIT=${LIMIT:-600}
# the version that was seen to work; 0.6 brings drivers for none of its systems, hence SwiftShader
WEBGPU=webgpu@0.6.2
failed=0

ok() { printf '%-48s ok\n' "$1"; }
bad() { printf '%-48s FAILED\n' "$1"; failed=1; }
# a check that cannot fail proves nothing
must_refuse() { # NAME WORDS COMMAND...: fails, and says so in these words
    local name=$1 words=$2
    shift 2
    if "$@" >"$WORK/refused.log" 2>&1; then bad "$name passes a damaged text"
    elif grep -q "$words" "$WORK/refused.log"; then ok "$name refuses a damaged text"
    else cat "$WORK/refused.log"; bad "$name with a damaged text"; fi
}
# FROM TO SED-SCRIPT: the script must change something
damage() {
    sed -E "$3" "$1" >"$2"
    ! cmp -s "$1" "$2" || die "nothing to damage in $1"
}

run_dawn() {
    # a driver with what Dawn demands; Debian 12's lavapipe is too old for it
    local driver=$WORK/swiftshader/usr/lib/chromium/vk_swiftshader_icd.json
    LD_LIBRARY_PATH=$(library_path swiftshader)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$WORK} VK_DRIVER_FILES=$driver VK_ICD_FILENAMES=$driver \
        timeout "$LIMIT" node "$WORK/dawn/dawn.mjs" "$@"
}

check_dawn() {
    local texts=() text
    for text in "$FOLDER"/*.wgsl; do [[ $text == *_f64.wgsl ]] || texts+=("$text"); done
    unpack swiftshader chromium-common libvulkan1
    if ! command -v npm >/dev/null; then
        say "installing nodejs and npm"
        update_lists
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
    fi
    mkdir -p "$WORK/dawn"
    [ -d "$WORK/dawn/node_modules/webgpu" ] || npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$WORK/dawn" $WEBGPU >&2
    # beside node_modules, where it looks for its packages
    cp "$TOOLS/dawn.mjs" "$WORK/dawn/"
    if run_dawn "${texts[@]}"; then ok "dawn: ${#texts[@]} texts"; else bad "dawn"; fi
    damage "$FOLDER/arithmetic_df64.wgsl" "$WORK/damaged.wgsl" '0,/-> f32/s//-> u32/'
    must_refuse dawn REFUSED run_dawn "$WORK/damaged.wgsl"
}

find_clang() {
    local name
    for name in clang-19 clang-16 clang; do
        if command -v $name >/dev/null; then CLANG=$name; return; fi
    done
    unpack clang clang-16
    CLANG=$WORK/clang/usr/bin/clang-16
    LD_LIBRARY_PATH=$(library_path clang):$WORK/clang/usr/lib/llvm-16/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH
}

run_clang_metal() {
    { cat "$TOOLS/metal_as_opencl.h"; printf '#line 1 "%s"\n' "$1"; sed 's/metal:://g; s/^#include.*//; s/^using uint;//' "$1"; } >"$WORK/metal.clcpp"
    "$CLANG" -x clcpp -cl-std=clc++2021 --target=spir64 -cl-single-precision-constant -fsyntax-only \
        -Wno-unknown-attributes -Wno-unused "$WORK/metal.clcpp"
}

check_metal() {
    local text
    for text in "$FOLDER"/*.metal; do
        if run_clang_metal "$text"; then ok "metal: $(basename "$text")"; else bad "metal: $(basename "$text")"; fi
    done
    damage "$FOLDER/arithmetic_df64.metal" "$WORK/damaged.metal" '0,/\bdevice /s//constant /'
    must_refuse metal "no matching function" run_clang_metal "$WORK/damaged.metal"
}

# TEXT COMPILER FLAGS...
run_math() {
    local text=$1 compiler=$2
    shift 2
    "$compiler" -std=c++17 "$@" -Wno-attributes -Wno-unknown-attributes -I "$TOOLS/metal_as_cpp" "-DTEXT=\"$text\"" \
        -c "$TOOLS/arithmetic_kernel.cpp" -o "$WORK/arithmetic_kernel.o"
    g++ "$WORK/arithmetic_kernel.o" "$WORK/arithmetic_check.o" -o "$WORK/arithmetic_check"
    "$WORK/arithmetic_check"
}

check_math() {
    local text=$WORK/arithmetic.metal compiler flags name
    # naga's float literals have no suffix: doubles in C++, not in Metal. Its arrays of unknown length have length 1.
    damage "$FOLDER/arithmetic_df64.metal" "$text" \
        's/\b([0-9]+\.[0-9]*([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)/\1f/g; s/^typedef (.*)\[1\];/typedef \1[1 << 24];/'
    # the guard: an exclusive or with a zero that the compiler does not know
    damage "$text" "$WORK/unguarded.metal" 's/as_type<float>\(as_type<uint>\((\w+)\) \^ \w+\)/\1/'
    g++ -std=c++17 -O2 -c "$TOOLS/arithmetic_check.cpp" -o "$WORK/arithmetic_check.o"
    for compiler in g++ "$CLANG"; do
        for flags in "-O3 -ffast-math" "-O3 -ffast-math -march=native"; do
            name="math: $(basename "$compiler") $flags"
            # shellcheck disable=SC2086
            if run_math "$text" "$compiler" $flags; then ok "$name"; else bad "$name"; fi
            # shellcheck disable=SC2086
            must_refuse "$name" "WRONG where marked" run_math "$WORK/unguarded.metal" "$compiler" $flags
        done
    done
}

if [ $# -gt 0 ]; then
    FOLDER=$(cd "$1" && pwd)
else
    FOLDER=$WORK/shaders
    rm -rf "$FOLDER"
    mkdir -p "$FOLDER"
    NEYMAN_WRITE_SHADERS=$FOLDER cargo test --locked --test shaders
fi
for kernel in evaluate fit arithmetic; do
    [ -e "$FOLDER/${kernel}_f32.wgsl" ] || die "no ${kernel}_f32.wgsl in $FOLDER"
done
command -v g++ >/dev/null || die "needs g++ (package build-essential)"
find_clang
check_math
check_metal
check_dawn
[ $failed = 0 ] && echo "all kernel texts passed"
exit $failed
