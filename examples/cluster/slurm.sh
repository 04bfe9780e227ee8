#!/usr/bin/env bash
# slurm.sh [OPTIONS OF sbatch]: an array of parts, and a job that joins them once all are done.
set -euo pipefail
cd "$(dirname "$0")"
. ./settings.sh
array=$(sbatch --parsable "$@" --array="0-$((PARTS - 1))" part.sbatch)
# clusters may be named after the number
array=${array%%;*}
sbatch "$@" --dependency="afterok:$array" --kill-on-invalid-dep=yes merge.sbatch
