#!/bin/bash
# install.sh WHAT...: the packages that WHAT (run, test, check, fuzz) needs and this Debian lacks.
# Silent, quick and offline when nothing is missing. A signal ends it while it fetches; once dpkg
# runs it is waited for, since a package half configured would spoil the next start.
set -uo pipefail

here=$(dirname "$0")
wanted=$(for what in "$@"; do awk -v what="$what" '$1 == what { print $2 }' "$here/packages.txt"; done |
    sort -u)
# shellcheck disable=SC2086 # one word a package
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
    awk '$2 == "installed" { print $1 }' | sort -u)
missing=$(comm -23 <(echo "$wanted") <(echo "$installed") | paste -sd' ')
[ -n "$missing" ] || exit 0

apt=(apt-get -q -y --no-install-recommends)
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install: needed, as root: apt-get install --no-install-recommends $missing" >&2
        exit 1
    fi
    apt=(sudo "${apt[@]}")
fi

stop=
child=
trap 'stop=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' INT TERM HUP

fetch() { # a step that a signal ends
    "$@" <&0 >&2 &
    child=$!
    [ -z "$stop" ] || kill -TERM "$child" 2>/dev/null
    while kill -0 "$child" 2>/dev/null; do wait "$child"; done
    child=
    [ -z "$stop" ] || exit 143
}

echo "install: apt-get install --no-install-recommends $missing" >&2
export DEBIAN_FRONTEND=noninteractive
# Neither must succeed: the lists at hand may do, and the last step says what is wrong.
fetch "${apt[@]}" update
# shellcheck disable=SC2086
fetch "${apt[@]}" --download-only install $missing
# shellcheck disable=SC2086
setsid -w "${apt[@]}" install $missing </dev/null >&2
status=$?
[ -z "$stop" ] || exit 143
exit "$status"
