#!/bin/bash
# run.sh [STAGE...]: what `make test` does. A stage is one way of building everything and what is run of
# that build; all of them when none is named:
#   plain      the units and all stories
#   address    the same under AddressSanitizer and UndefinedBehaviorSanitizer
#   thread     the units and the short stories under ThreadSanitizer
#   coverage   the units and the stories, counting lines; the floor is COVERAGE_MIN percent
# One private Redis serves the units of all stages (PARLEY_TEST_REDIS_SOCKET). Each unit of the store
# starts a MariaDB of its own, which takes a second and lets it be killed; PARLEY_TEST_DB_SOCKET would
# make them share one. The stories start their own stack. One line a test program, the whole output of
# one that fails. Closes with `N passed, N failed` over all.
set -uo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 1

stages=${*:-plain address thread coverage}
jobs=${JOBS:-$(nproc)}
coverage_min=${COVERAGE_MIN:-85}
work=$(mktemp -d "${TMPDIR:-/tmp}/parley-test.XXXXXX")
results=$work/results # a line a thing run: passed failed
touch "$results"

unset PARLEYD VAR PORT ADMIN_PORT SAN COV
stack() { VAR=$work/var deploy/dev/stack.sh "$@"; }
end() {
    # shellcheck disable=SC2046 # one word a pid
    kill $(jobs -p) 2>/dev/null
    stack down
    rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { printf '%s\n' "$*"; }
count() { echo "$1 $2" >>"$results"; }

# --- one test program -----------------------------------------------------------------------------

unit_run() { # PROGRAM: its verdict in one line, all it said if it failed; in a subshell of its own
    local program=$1 log status passed failed started=$EPOCHREALTIME
    log=$(mktemp "$work/unit.XXXXXX")
    timeout 150 "$program" >"$log" 2>&1 </dev/null
    status=$?
    passed=$(awk '/^\[  PASSED  \]/ { n += $4 } END { print n + 0 }' "$log")
    failed=$(awk '/^\[  FAILED  \] [A-Za-z_]*: [0-9]+ test\(s\)/ { n += $5 } END { print n + 0 }' "$log")
    # A crash, a sanitizer's report at exit, or a program that ran nothing is one failure too.
    if [ "$failed" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$passed" -eq 0 ]; }; then failed=1; fi
    local verdict=ok
    [ "$failed" -eq 0 ] || verdict=FAIL
    {
        printf '%-4s %-36s %3d passed %6.2f s' "$verdict" "${program#*/unit/}" "$passed" \
            "$(seconds_since "$started")"
        [ "$failed" -eq 0 ] || printf '  %d failed, exit %d' "$failed" "$status"
        printf '\n'
        [ "$failed" -eq 0 ] || sed 's/^/     | /' "$log"
    } >"$log.said"
    cat "$log.said" # in one piece, since several run at once
    count "$passed" "$failed"
    rm -f "$log" "$log.said"
}

seconds_since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.2f", to - from }'; }

units_run() { # BUILD
    local program running=0
    for program in $(find "$1/unit" -name '*_test' -type f 2>/dev/null | sort); do
        [ -f "tests/unit/${program#*/unit/}.c" ] || continue # its source is gone
        unit_run "$program" &
        running=$((running + 1))
        [ "$running" -lt "$jobs" ] || { wait -n; running=$((running - 1)); }
    done
    wait
}

counted_run() { # COMMAND...: one that closes with `N passed, N failed`; that line is taken over
    "$@" 2>&1 | tee "$work/counted" | grep -vE '^[0-9]+ passed, [0-9]+ failed$'
    local status=${PIPESTATUS[0]} line
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$work/counted" | tail -n 1)
    if [ -n "$line" ]; then
        count "$(cut -d' ' -f1 <<<"$line")" "$(cut -d' ' -f3 <<<"$line")"
    elif [ "$status" -ne 0 ]; then
        say "FAIL $* ended with $status before its closing line"
        count 0 1
    fi
}

stories_run() { # BUILD FLAG...
    local build=$1
    shift
    counted_run timeout --foreground -s INT 900 /usr/bin/python3 tests/stories/run.py \
        --parleyd "$build/parleyd" "$@"
}

readme_run() { # the README's walk, as printed, on a stack of its own
    local port
    port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export PORT=$port ADMIN_PORT=0 PARLEYD=build/gcc/parleyd
    if stack up && stack start parleyd; then
        counted_run tests/readme.sh "$port"
    else
        count 0 1
    fi
    stack kill parleyd
    unset PORT ADMIN_PORT PARLEYD
}

# --- the stages -----------------------------------------------------------------------------------

build() { # MAKE-VARIABLE...: everything, quietly
    if ! make -s -j"$jobs" "$@" all units >"$work/build" 2>&1; then
        cat "$work/build"
        say "FAIL the build: make $* all units"
        count 0 1
        return 1
    fi
}

stage_plain() {
    build || return
    units_run build/gcc
    readme_run
    stories_run build/gcc
}

stage_address() {
    build SAN=address,undefined || return
    units_run build/gcc-address-undefined
    stories_run build/gcc-address-undefined
}

stage_thread() {
    build SAN=thread || return
    units_run build/gcc-thread
    stories_run build/gcc-thread --short
}

stage_coverage() {
    find build/gcc-cov -name '*.gcda' -delete 2>/dev/null
    build COV=1 || return
    units_run build/gcc-cov
    stories_run build/gcc-cov
    gcovr --root . --object-directory build/gcc-cov --json-summary -o "$work/coverage.json" \
        build/gcc-cov >"$work/gcovr" 2>&1 || { cat "$work/gcovr"; count 0 1; return; }
    if /usr/bin/python3 tests/tools/coverage.py "$work/coverage.json" "$coverage_min"; then
        count 1 0
    else
        count 0 1
    fi
}

deploy/dev/install.sh run test || exit 1
stack start redis || exit 1
export PARLEY_TEST_REDIS_SOCKET=$work/var/redis.sock
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1

for stage in $stages; do
    say "== $stage"
    "stage_$stage"
done
awk '{ passed += $1; failed += $2 }
    END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }' "$results"
