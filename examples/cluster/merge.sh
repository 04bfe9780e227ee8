#!/usr/bin/env bash
# merge.sh: all parts as one file, the same to the bit as that of one long run.
set -euo pipefail
cd "$(dirname "$0")"
. ./settings.sh
parts=()
for ((index = 0; index < PARTS; index++)); do
    part=$OUT/part-$index.npz
    # a last part that is missing leaves no gap for `neyman merge` to find
    if [ ! -f "$part" ]; then
        echo "merge.sh: $part is missing: ./part.sh $index makes it" >&2
        exit 1
    fi
    parts+=("$part")
done
neyman merge "$OUT/toys.npz" "${parts[@]}"
