#!/usr/bin/env bash
# Checks and times Neyman on a machine with an NVIDIA card. Part of the archive that scripts/nvidia_pack.sh makes;
# needs bash, coreutils, awk and the card's driver, no Rust and no network.
#
#   ./run.sh [--quick] [OUTDIR]      by default ./report; --quick takes some 4 minutes, else under 10
#
# OUTDIR/report.md has every figure with its command, OUTDIR/logs what was printed. A step that fails, or that
# lasts longer than its limit, stops none of the others. Exit status 1 where one did.
# Its test programs take what they need from NEYMAN_BINARY, NEYMAN_SOURCES, NEYMAN_SCRATCH, which are set here.
# NEYMAN_TOYS: toys of a timing, by default a million, 200 000 with --quick.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)

quick=false out=""
for argument in "$@"; do
    case $argument in
        --quick) quick=true ;;
        -*) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2 ;;
        *) out=$argument ;;
    esac
done
mkdir -p "${out:-report}/logs" || exit 1
out=$(cd "${out:-report}" && pwd)
logs=$out/logs
rm -f "$logs"/*

export PATH=$here/bin:$PATH
export NEYMAN_BINARY=$here/bin/neyman NEYMAN_SOURCES=$here/sources NEYMAN_SCRATCH=$out/scratch
# caches and settings of the user's are left alone
export XDG_CACHE_HOME=$out/scratch/cache CUDA_CACHE_PATH=$out/scratch/ptx
rm -rf "$out/scratch"
mkdir -p "$XDG_CACHE_HOME" "$CUDA_CACHE_PATH"
if [ -d "$here/data" ]; then export NEYMAN_DATA=$here/data; else unset NEYMAN_DATA; fi
cd "$here/sources" || exit 1

checks="" figures="" failed=0 number=0 seconds=0 status=0 log=""
started=$SECONDS
if $quick; then budget=240; else budget=590; fi

now() { date +%s%N; }

# step NAME LIMIT COMMAND...: standard output and errors to a log; sets log, status, seconds. Status 75: there was
# no time left for it
step() {
    local name=${1//[^A-Za-z0-9._-]/-} limit=$2 asked=$2 begin left=$((budget - SECONDS + started))
    shift 2
    number=$((number + 1))
    log=$logs/$(printf %02d $number)-$name.log
    [ "$limit" -lt "$left" ] || limit=$left
    if [ "$limit" -lt 5 ]; then : >"$log"; status=75 seconds=0; return; fi
    begin=$(now)
    timeout --kill-after=5 "$limit" "$@" >"$log" 2>"$log.err"
    status=$?
    case $status in 124 | 137) [ "$limit" = "$asked" ] || status=75 ;; esac
    seconds=$(awk -v n=$(($(now) - begin)) 'BEGIN { printf "%.2f", n / 1e9 }')
    [ -s "$log.err" ] || rm -f "$log.err"
    printf '%-34s %-9s %8s s\n' "$name" "$([ $status = 0 ] && echo ok || echo "status $status")" "$seconds" >&2
}

# the command as a reader would type it
shown() {
    local text="$*"
    text=${text//"$here/data"/DATA}
    printf %s "${text//"$here/"/}"
}

# check NAME LIMIT COMMAND...: a row of the first table
check() {
    local name=$1 limit=$2 verdict note=""
    step "$@"
    shift 2
    if [ $status = 124 ] || [ $status = 137 ]; then verdict="FAILED: longer than $limit s"
    elif [ $status = 75 ]; then verdict="not run: no time left"
    elif [ $status != 0 ]; then verdict="FAILED: status $status"
    elif grep -qsE 'skipped: (no CUDA|no adapter|no graphics)' "$log" "$log.err"; then verdict="FAILED: skipped, no device"
    else verdict=passed
    fi
    note=$(cat "$log" "$log.err" 2>/dev/null | sed -n 's/^test result: ok\. \([0-9]* passed\).*/\1/p' | tail -n 1)
    case $verdict in FAILED*) failed=1 ;; esac
    checks+="| $name | $verdict${note:+, $note} | $seconds | \`$(shown "$@")\` |"$'\n'
}

absent() { checks+="| $1 | absent: $2 | | |"$'\n'; }

# of indented JSON: the value of KEY, the first one after SECTION where that is given
field() {
    awk -v key="\"$2\":" -v section="${3:+\"$3\":}" '
        section != "" && index($0, section) { section = "" }
        section == "" && (at = index($0, key)) {
            value = substr($0, at + length(key)); gsub(/^ *"?|"?[,}].*$|"$/, "", value); print value; exit
        }' "$1"
}

# three digits, in units of 10^POWER
digits() { awk -v x="${1:-}" -v power="${2:-0}" 'BEGIN {
    x *= 10 ^ power; if (x == 0) print "?"; else printf(x < 1000 ? "%.3g" : "%.0f", x) }'; }
# 123 000
rate() {
    awk -v x="${1:-}" 'BEGIN {
        if (x == "") { print "?"; exit }
        unit = 1; while (x / unit >= 1000) unit *= 10
        text = sprintf("%.0f", int(x / unit + 0.5) * unit)
        for (n = length(text) - 3; n > 0; n -= 3) text = substr(text, 1, n) " " substr(text, n + 1)
        print text }'
}

figure() { # WHAT FIGURE COMMAND
    figures+="| $1 | $2 | \`$3\` |"$'\n'
}

no_figure() { # WHAT LIMIT COMMAND
    if [ $status = 75 ]; then figure "$1" "none: no time left" "$3"; return; fi
    failed=1
    if [ $status = 124 ] || [ $status = 137 ]; then figure "$1" "none: longer than $2 s" "$3"
    else figure "$1" "FAILED, status $status: $(tail -n 1 "$log.err" 2>/dev/null | tr '|' '/' | cut -c1-200)" "$3"
    fi
}

# toys WHAT LIMIT TOYS WORKSPACE OPTIONS...
toys() {
    local what=$1 limit=$2 n=$3 workspace=$4 name line
    shift 4
    name=$(basename "$workspace" .json)
    line=(neyman toys "$workspace" --toys "$n" "$@" --max-unconverged 1 --json)
    step "toys-$name-$what" "$limit" "${line[@]}"
    what="toys, $name, $what"
    if [ $status != 0 ]; then no_figure "$what" "$limit" "$(shown "${line[@]}")"; return; fi
    local left
    left="$(field "$log" converged) of $(field "$log" toys) converged, $(field "$log" finished_on_processor) on the host"
    case $(field "$log" device_failure) in null | "") ;; *) left+=", DEVICE FAILED"; failed=1 ;; esac
    figure "$what" "$(rate "$(field "$log" fits_per_second)") fits/s ($(digits "$(field "$log" seconds)") s; $left)" "$(shown "${line[@]}")"
}

# bench LIMIT WORKSPACE DEVICE
bench() {
    local limit=$1 workspace=$2 device=$3 name line
    name=$(basename "$workspace" .json)
    line=(neyman bench "$workspace" --device "$device" --toys "$few" --points "$points" --json)
    step "bench-$name-$device" "$limit" "${line[@]}"
    if [ $status != 0 ]; then no_figure "times, $name, $device" "$limit" "$(shown "${line[@]}")"; return; fi
    local of="$name, $device"
    figure "NLL and gradient, one point, $of" "$(digits "$(field "$log" seconds_per_call evaluate)" 6) us" "$(shown "${line[@]}")"
    figure "NLL and gradient, $points points, $of" "$(digits "$(field "$log" seconds_per_call evaluate_many)" 3) ms" same
    figure "$few toys thrown and fitted, warm, $of" "$(awk -v x="$(field "$log" seconds_per_fit toys)" -v n="$few" 'BEGIN { printf "%.3g", 1e3 * x * n }') ms" same
    figure "evaluations of a toy's fit, $of" "$(digits "$(field "$log" evaluations_mean toys)")" same
}

# --- what is here
step devices-list 60 neyman devices --no-test --json
listed=$log
stand_in=false
grep -q "PTX stand-in" "$listed" && stand_in=true
cards=$(grep -c '"device": "cuda:[0-9]*"' "$listed")
vulkan=none
if grep -q '"also": "vulkan:' "$listed"; then
    vulkan=hardware
    # software alone: its speed says nothing of the card
    grep -qE '"type": "(discrete|integrated|virtual)"' <(grep -A6 '"also": "vulkan:' "$listed") || vulkan=software
fi
cores=$(nproc)
if $stand_in; then
    few=20 points=64 n=${NEYMAN_TOYS:-30}
elif $quick; then
    few=1000 points=1000 n=${NEYMAN_TOYS:-200000}
else
    few=1000 points=1000 n=${NEYMAN_TOYS:-1000000}
fi
workspaces=("$here/sources/examples/search.json")
if $stand_in; then workspaces=("$here/sources/tests/data/all_modifiers.json")
elif [ -d "$here/data" ]; then
    for name in atlas_tHu_fcnc ns_synthetic_shapesys_256 val_2bin_histosys; do
        [ ! -e "$here/data/workspaces/$name.json" ] || workspaces+=("$here/data/workspaces/$name.json")
    done
    if $quick; then workspaces=("${workspaces[@]:0:2}"); fi
fi
small=${workspaces[0]}

# --- first load, before anything fills the cache
line=(neyman toys "$small" --toys 1 --device cuda --json)
step load-cold 60 env CUDA_CACHE_PATH="$out/scratch/first" "${line[@]}"
cold=$seconds cold_status=$status
step load-warm 60 env CUDA_CACHE_PATH="$out/scratch/first" "${line[@]}"
if [ $cold_status = 0 ] && [ $status = 0 ]; then
    text=$(shown "${line[@]}")
    figure "the command with one toy, CUDA_CACHE_PATH empty" "$cold s" "$text"
    figure "the same again: start of the process and the driver" "$seconds s" "$text"
    figure "difference: the driver compiles the PTX" "$(awk -v a="$cold" -v b="$seconds" 'BEGIN { printf "%.2f", a - b }') s" "the two above"
else
    no_figure "first load" 60 "$(shown "${line[@]}")"
fi

# --- is it right
check self-tests 90 neyman devices
selftests=$log
if grep -qE '^cuda.* refused: ' "$log"; then failed=1 checks+="| self-test of a card | FAILED: refused, see below | | |"$'\n'; fi
parity_toys=500
if $stand_in; then parity_toys=8; elif $quick; then parity_toys=100; fi
export NEYMAN_PARITY_TOYS=$parity_toys
check cuda 120 cuda --nocapture
check conformance-cuda 120 conformance --nocapture cuda::
check parity-cuda 120 parity --nocapture cuda::
check parity-reduce-cuda 120 parity_reduce --nocapture cuda_
check parity-tmd-cuda 120 parity_tmd --nocapture cuda::
check parity-unbinned-cuda 120 parity_unbinned --nocapture cuda_
$quick || check devices 120 devices
sanitizer=""
for program in "$(command -v compute-sanitizer)" /usr/local/cuda*/bin/compute-sanitizer; do
    [ ! -x "$program" ] || { sanitizer=$program; break; }
done
for tool in memcheck racecheck; do
    if [ -z "$sanitizer" ]; then absent "compute-sanitizer $tool" "it is not installed"
    else check "sanitizer-$tool" 90 "$sanitizer" --tool "$tool" --error-exitcode 1 neyman toys "$small" --toys 20 --device cuda
    fi
done
for wheel in "$here"/*.whl; do
    [ -e "$wheel" ] || continue
    check wheel 60 sh -c "python3 -m venv '$out/scratch/venv' && '$out/scratch/venv/bin/pip' install --no-index --no-deps '$wheel' && '$out/scratch/venv/bin/python' -c 'import neyman'"
done

# --- how fast is it
for workspace in "${workspaces[@]}"; do
    toys cuda 60 "$n" "$workspace" --device cuda
    toys "cuda, large chunks" 60 "$n" "$workspace" --device cuda --chunk 65536
    if [ "$cards" -gt 1 ]; then toys "$cards cards" 60 "$n" "$workspace" --device cuda:all --chunk 65536; fi
    toys "cpu, $cores threads" 60 "$n" "$workspace" --device cpu
    if [ "$cores" -gt 16 ]; then toys "cpu, 16 threads" 60 "$n" "$workspace" --device cpu --threads 16; fi
    bench 60 "$workspace" cuda
    bench 60 "$workspace" cpu
done
if [ -d "$here/data/tmd/fixtures" ]; then
    # 200 points of an experiment, MAP22's shapes
    files=$out/scratch/tmd
    mkdir -p "$files"
    printf 'qToQcut: 0.8\nluminosity: ll1\nquadrature: {rule: sinh-gl, nodes: 64}\n' >"$files/config.yaml"
    map22="0.28, 2.9, 0.5, 1.8, 0.13, 0.02, 0.03, 3.9, 4.0, 0.4, 12.0"
    printf 'zeta: Q2\nevolution: {init_g2: 0.25, free_mask: [true]}\nflavors: {u: {shape: map22_pdf, init_params: [%s]}}\nfragmentation: {shape: map22_ff, init_params: [0.21, 2.1, 0.09, 0.25, 5.3, 0.03, 4.2, 0.17, 0.02]}\n' "$map22" >"$files/fnp.yaml"
    tmd_points=200 tmd_rows=1000
    if $stand_in; then tmd_points=3 tmd_rows=2; fi
    for device in cuda cpu; do
        line=(neyman tmd bench "$files/config.yaml" "$here/data/tmd/fixtures/kinematics_hermes_pip.yaml" "$files/fnp.yaml" --points $tmd_points --rows $tmd_rows --repeats 3 --device $device --json)
        step "bench-tmd-$device" 60 "${line[@]}"
        if [ $status != 0 ]; then no_figure "cross sections, $device" 60 "$(shown "${line[@]}")"; continue; fi
        of="$tmd_points cross sections, $device"
        figure "values, one row, $of" "$(digits "$(field "$log" seconds_per_call value)" 6) us" "$(shown "${line[@]}")"
        figure "values and derivatives, one row, $of" "$(digits "$(field "$log" seconds_per_call derivatives)" 6) us" same
        figure "values and derivatives, $tmd_rows rows, $of" "$(digits "$(field "$log" seconds_per_call rows)" 3) ms" same
    done
fi
if [ $vulkan != none ] && { [ $vulkan = hardware ] || $stand_in; }; then
    for precision in f64 df64 f32; do
        toys "vulkan $precision" 60 "$n" "${workspaces[-1]}" --device vulkan --precision $precision
    done
fi
# --- what takes long and concerns the card least
if [ $vulkan = none ]; then absent "Vulkan rows" "no Vulkan driver"
elif [ $vulkan = software ] && ! $stand_in; then absent "Vulkan rows" "the only Vulkan driver is software"
elif ! $quick; then
    for precision in f64 df64 f32; do
        check conformance-vulkan-$precision 120 conformance --nocapture "gpu::$precision::"
        check parity-vulkan-$precision 120 parity --nocapture "gpu::$precision::"
        check parity-reduce-vulkan-$precision 120 parity_reduce --nocapture "gpu::$precision"
        check parity-tmd-vulkan-$precision 120 parity_tmd --nocapture "gpu::$precision"
        check parity-unbinned-vulkan-$precision 120 parity_unbinned --nocapture "gpu::$precision"
    done
fi
if ! $quick && ! $stand_in; then
    step criterion 150 core --bench --warm-up-time 0.5 --measurement-time 2 --sample-size 10
    if [ $status != 0 ]; then no_figure "pieces of the core" 150 "core --bench"; fi
    # "NAME   time:   [low middle high]"; a long name stands on a line of its own
    while IFS='|' read -r what time; do
        figure "criterion: $what" "$time" "core --bench --warm-up-time 0.5 --measurement-time 2 --sample-size 10"
    done < <(awk '/ time: +\[/ {
        what = $0; sub(/ +time:.*/, "", what); if (what ~ /^ *$/) what = last
        split(substr($0, index($0, "[") + 1), t, " "); print what "|" t[3] " " t[4] } { last = $0 }' "$log")
fi

# --- told
{
    printf '# Neyman on an NVIDIA card\n\n'
    $stand_in && printf '**A stand-in driver, no card: its times mean nothing.**\n\n'
    printf '%s%s, %s s in all.\n\n' "$(date -u +%Y-%m-%d)" "$($quick && echo ', --quick')" $((SECONDS - started))
    printf 'Built from: %s. ' "$(paste -sd, "$here/BUILD" | sed 's/,/, /g')"
    printf 'Host: %s threads of %s.\n\n' "$cores" "$(sed -n 's/^model name.*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)"
    printf '```text\n'
    if command -v nvidia-smi >/dev/null; then
        nvidia-smi --query-gpu=index,name,driver_version,compute_cap,memory.total,clocks.max.sm,power.limit --format=csv 2>&1
    else
        echo "nvidia-smi is not here"
    fi
    cat "$selftests"
    printf '```\n\n| check | outcome | seconds | command |\n|---|---|---|---|\n%s\n' "$checks"
    printf '| what | figure | command |\n|---|---|---|\n%s\n' "$figures"
    printf 'Largest errors of the contract, row by row (docs/parity.md):\n\n```text\n'
    cat "$logs"/*-parity-*.log.err 2>/dev/null | grep -E ' of the row|excepted|toys; in other'
    printf '```\n'
} >"$out/report.md"
rm -rf "$out/scratch"
printf '\n%s\n' "$out/report.md" >&2
cat "$out/report.md"
exit $failed
