#!/bin/bash
# bench.sh: the load tool in all its modes, one JSON line a run on stdout and in OUT/bench.jsonl,
# and OUT/latency.svg (`make bench`).
#
# Environment: BASE_URL (a running server, with ADMIN_URL and, for CPU figures, VAR; else a private
# stack is started, and ended), RUNS (some of: closed open poll sweep streams), USERS (2000), SENDERS
# (128), BENCH_SECONDS (60), RATES and SWEEP_SECONDS (of the sweep), STREAMS (100 1000 15000), OUT
# (build/bench), BUILD (build/gcc), KEEP=1 (keeps the stack's data).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath "${BUILD:-build/gcc}")
OUT=${OUT:-build/bench}
RUNS=${RUNS:-closed open poll sweep streams}
USERS=${USERS:-2000}
SENDERS=${SENDERS:-128}
BENCH_SECONDS=${BENCH_SECONDS:-60}
SWEEP_SECONDS=${SWEEP_SECONDS:-12}
RATES=${RATES:-250 500 1000 2000 3000 4000 5000 6000 8000}
STREAMS=${STREAMS:-100 1000 15000}
# shellcheck source=/dev/null
. tests/bench/stack.inc.sh

mkdir -p "$OUT"
[ -n "${BASE_URL:-}" ] || stack_begin
where=(--url "$BASE_URL")
[ -z "${ADMIN_URL:-}" ] || where+=(--admin "$ADMIN_URL")
[ -z "${VAR:-}" ] || where+=(--var "$VAR")
failures=0

# load LABEL MODE OPTION...: runs, prints and keeps the line; it is in $report
load() {
    local label=$1
    shift
    echo "bench: $label" >&2
    report=$("$BUILD/bench-load" "$@" "${where[@]}" --label "$label")
    if [ -z "$report" ]; then
        failures=$((failures + 1))
        return 1
    fi
    printf '%s\n' "$report" | tee -a "$OUT/bench.jsonl"
}

life() { load "$1" life --users "$USERS" --senders "$SENDERS" "${@:2}"; }

# Latency against load: up to the first rate that the server does not keep up with.
sweep() {
    local rate
    printf '#rate\tsend_p50\tsend_p99\tdelivery_p50\tdelivery_p99\n' >"$OUT/latency.tsv"
    for rate in $RATES; do
        life "sweep $rate/s" --rate "$rate" --seconds "$SWEEP_SECONDS" || return
        printf '%s\t%s\t%s\t%s\t%s\n' "$(field "$report" sends_per_s)" \
            "$(field "$report" send_p50_ms)" "$(field "$report" send_p99_ms)" \
            "$(field "$report" delivery_p50_ms)" "$(field "$report" delivery_p99_ms)" \
            >>"$OUT/latency.tsv"
        if awk -v got="$(field "$report" sends_per_s)" -v want="$rate" \
            'BEGIN { exit !(got < 0.95 * want) }'; then break; fi
    done
    gnuplot -e "data='$OUT/latency.tsv'; svg='$OUT/latency.svg'" tests/bench/latency.gp &&
        echo "bench: $OUT/latency.svg" >&2
}

: >"$OUT/bench.jsonl"
for run in $RUNS; do
    case $run in
    closed) life 'closed loop' --seconds "$BENCH_SECONDS" ;;
    open) life 'open loop 500/s' --rate 500 --seconds "$BENCH_SECONDS" ;;
    poll) life 'open loop 500/s, long-poll' --receivers poll --rate 500 --seconds "$BENCH_SECONDS" ;;
    sweep) sweep ;;
    streams)
        for count in $STREAMS; do
            load "$count streams" streams --users "$count" --seconds $((BENCH_SECONDS < 20 ? BENCH_SECONDS : 20))
        done
        ;;
    *)
        echo "bench: $run: no such run" >&2
        failures=$((failures + 1))
        ;;
    esac
done
[ "$failures" -eq 0 ]
