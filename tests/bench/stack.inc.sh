# shellcheck shell=bash
# What bench.sh and crash.sh share: a private stack in a folder of its own, and reading the report.
# Sourced from the repository root. Needs BUILD; KEEP=1 keeps the folder.

free_port() { # prints a port that nobody listens on
    local port
    while port=$((20000 + RANDOM % 10000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

stack() { deploy/dev/stack.sh "$@" >&2; }

stack_begin() {
    made_var=
    if [ -z "${VAR:-}" ]; then
        VAR=$(mktemp -d "$BUILD/bench-var.XXXXXX")
        made_var=$VAR
    fi
    PORT=$(free_port)
    ADMIN_PORT=$(free_port)
    PARLEYD=$BUILD/parleyd
    export VAR PORT ADMIN_PORT PARLEYD
    trap stack_end EXIT
    trap 'exit 130' INT TERM
    if ! stack up || ! stack start parleyd; then
        KEEP=1 # its logs say why
        exit 1
    fi
    export BASE_URL=http://127.0.0.1:$PORT
    export ADMIN_URL=http://127.0.0.1:$ADMIN_PORT
}

stack_end() {
    stack down
    if [ -n "$made_var" ] && [ -z "${KEEP:-}" ]; then rm -rf "$made_var"; fi
}

# field REPORT NAME: the value of a number in a line of JSON
field() { printf '%s\n' "$1" | sed -n "s/.*\"$2\":\([^,}]*\).*/\1/p"; }
