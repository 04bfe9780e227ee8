#!/usr/bin/env bash
# A wheel for Linux that runs wherever glibc 2.17 or later is (manylinux2014), for Python 3.10 and all later ones:
# build it, check what it links, install it into a fresh environment and fit a model there with it, without a
# graphics processor. The wheel and the environments are in target/wheels. Some ten minutes the first time.
#
#   scripts/wheels.sh [WHEEL]     with WHEEL, try that one and build none
#
# PYTHON=python3.12 chooses another interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
out=$root/target/wheels
python=${PYTHON:-python3}
mkdir -p "$out"

if [ -n "${1:-}" ]; then
    wheel=$(realpath "$1")
else
    PYTHON=$python "$root/scripts/pip.sh" "$out/build" 'maturin>=1.8,<2' ziglang auditwheel
    rm -f "$out"/*.whl
    # the linker of zig knows the symbols of old versions of glibc
    PATH=$out/build/bin:$PATH CARGO_TARGET_DIR=$root/target/python "$out/build/bin/maturin" build --locked --release \
        --zig --compatibility manylinux2014 --manifest-path python/Cargo.toml --out "$out"
    wheel=$(echo "$out"/neyman-*.whl)
    "$out/build/bin/auditwheel" show "$wheel"
    "$out/build/bin/auditwheel" show "$wheel" | tr -d '\n' | grep -q 'manylinux_2_17'
fi

"$python" -m venv --clear "$out/fresh"
bin=$out/fresh/bin
[ -x "$bin/python" ] || bin=$out/fresh/Scripts
"$bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$wheel"
cd "$out"
"$bin/python" - "$root/examples/search.json" <<'EOF'
import sys

import neyman

assert "site-packages" in neyman.__file__, neyman.__file__
with neyman.Session(neyman.from_pyhf(sys.argv[1]), "cpu") as session:
    fit, limit = session.fit(), session.limit()
assert fit.converged and limit.converged
print(f"neyman {neyman.__version__}: mu = {fit['mu']:.3f}, mu < {limit.observed:.3f}")
EOF
# microseconds, of it alone and with all that it reads: the quickest of five, as others may be busy here
for _ in 1 2 3 4 5; do
    "$bin/python" -X importtime -c 'import neyman' 2>&1 | grep -E '\| neyman$'
done | sort -t'|' -k2 -n | head -n 1
ls -l "$wheel"
