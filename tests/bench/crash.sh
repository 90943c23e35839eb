#!/bin/bash
# crash.sh: kill -9 in the middle of a run, again and again. Clients retry by their own numbers and
# come back with their cursors; the load tool's book says whether anything was lost or shown twice.
#
#   crash.sh parleyd|mariadbd|redis|all [MESSAGES (100000)] [KILLS (10)]
#
# Prints the JSON line of each run, each failed check, and `N passed, N failed`; exit 0 when none
# failed. Environment: BUILD (build/gcc), RATE (1000 sends a second: it spreads the run over a known
# time, so that each kill finds its share of it), USERS (500), KEEP=1, RANDOM_SEED (to repeat the
# moments; it is printed).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath "${BUILD:-build/gcc}")
targets=${1:-all}
messages=${2:-100000}
kills=${3:-10}
RATE=${RATE:-1000}
USERS=${USERS:-500}
case $targets in
parleyd | mariadbd | redis) ;;
all) targets='parleyd mariadbd redis' ;;
*)
    sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
# shellcheck source=/dev/null
. tests/bench/stack.inc.sh
RANDOM=${RANDOM_SEED:=$((RANDOM))}
passed=0
failed=0

# check NAME VALUE EXPECTED
check() {
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $target: $1 is ${2:-missing}, should be $3"
    fi
}

wait_until() { # in milliseconds since the epoch; nothing happens at once, so no precision is needed
    local left=$(($1 - $(date +%s%3N)))
    [ "$left" -le 0 ] || sleep "$((left / 1000)).$(printf '%03d' $((left % 1000)))"
}

# One kill at a random moment of each of the equal parts of the run. Prints how many hit it.
kill_all_along() { # TARGET LOAD_PID
    local part_ms=$((messages * 1000 / RATE / kills)) begin_ms hits=0 i
    begin_ms=$(date +%s%3N)
    for ((i = 0; i < kills; i++)); do
        wait_until $((begin_ms + i * part_ms + part_ms / 10 + RANDOM * (part_ms * 7 / 10) / 32768))
        kill -0 "$2" 2>/dev/null || break
        stack restart "$1" || break
        hits=$((hits + 1))
        echo "crash: $1 killed and restarted, $hits of $kills" >&2
    done
    echo "$hits"
}

run() {
    local load_pid hits report
    target=$1
    "$BUILD/bench-load" life --retry --users "$USERS" --rate "$RATE" --messages "$messages" \
        --drain 60 --url "$BASE_URL" --label "kill -9 $target" >"$VAR/crash.json" &
    load_pid=$!
    hits=$(kill_all_along "$target" "$load_pid")
    wait "$load_pid"
    report=$(cat "$VAR/crash.json")
    printf '%s\n' "$report"
    check 'kills within the run' "$hits" "$kills"
    check 'messages acknowledged' "$(field "$report" accepted)" "$messages"
    check 'messages delivered' "$(field "$report" delivered)" "$messages"
    for name in lost duplicated out_of_order seq_gaps foreign broken receipts_lost \
        receipts_duplicated send_errors; do
        check "$name" "$(field "$report" "$name")" 0
    done
    # A database that is away for a moment need not show; a server that is killed does.
    [ "$target" != parleyd ] || check 'retries happened' "$(($(field "$report" send_retries) > 0))" 1
}

stack_begin
echo "crash: RANDOM_SEED=$RANDOM_SEED" >&2
for target in $targets; do run "$target"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
