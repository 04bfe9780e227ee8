#!/usr/bin/env bash
# part.sh INDEX [THREADS]: one part of the toys. Begun before and broken off, it goes on where it was.
set -euo pipefail
cd "$(dirname "$0")"
. ./settings.sh
index=$1 threads=${2:-1}
if ! [[ $index =~ ^[0-9]+$ ]] || ((index >= PARTS)); then
    echo "part.sh: there is no part '$index': there are 0 to $((PARTS - 1))" >&2
    exit 2
fi
first=$((TOYS * index / PARTS)) last=$((TOYS * (index + 1) / PARTS))
mkdir -p "$OUT"
if [ -f "$OUT/part-$index.npz" ]; then
    # a job that is tried again as one of many
    echo "$OUT/part-$index.npz is there already"
    exit
fi
# one device for all: processors and graphics processors differ in the last digits
neyman toys "$WORKSPACE" --range "$first:$last" --seed "$SEED" "${OPTIONS[@]}" \
    --device cpu --threads "$threads" --resume -o "$OUT/part-$index.npz"
