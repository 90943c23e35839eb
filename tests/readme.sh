#!/bin/bash
# readme.sh PORT: runs README.md's walk as it is printed, against the development server at PORT, and
# looks for what the page promises in what the calls printed. Closes with `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# Every ```sh block but the first, `make run`. The port is all that differs.
awk '/^```sh$/ { block++; inside = 1; next } /^```$/ { inside = 0 } inside && block > 1' README.md |
    sed "s/127\.0\.0\.1:8080/127.0.0.1:$1/" | timeout 60 bash -eu >"$said" 2>&1
[ $? -le 1 ] || echo "(the walk ended early)" >>"$said"

passed=0
failed=0
promised() { # PATTERN TIMES WHAT
    local found
    found=$(grep -cE -- "$1" "$said")
    if [ "$found" -ge "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL README.md: $3 (seen $found times, promised $2)"
    fi
}
promised '^event: hello' 1 'the stream opens'
promised '^data: \{"type":"incoming_message",.*"content":"Hello"' 1 'the message shows up on the stream'
promised '"action":"message_received".*"message_id_by_client":[0-9]+' 2 'a retry gets the same answer'
promised '"status":"success","acknowledged":1' 1 'the ack is answered'
promised '"events":\[\],' 1 'after the ack nothing is left'
promised '"type":"message_delivered".*"receiver_id":"bob"' 1 'Alice gets her receipt'
promised '"content":"Hi, both".*"group_seq":1' 1 'the group hears Carol'
promised '"sender_id":"bob","content":"Are you there\?"' 1 'the long-poll is answered'
[ "$failed" -eq 0 ] || sed 's/^/     | /' "$said"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
