#!/bin/bash
# stack.sh: one private Parley on this machine. MariaDB, Redis and parleyd, all of it under $VAR.
#
#   run              install, build, up, serve; ends everything when it is ended (`make run`)
#   up               start MariaDB and Redis, make schema and user, migrate
#   serve            parleyd in the foreground (MariaDB and Redis stay when it ends)
#   down             end everything
#   status           a line a part; exit 0 when all three are up
#   kill PART        kill -9 of parleyd, mariadbd or redis
#   start PART       start it in the background and wait until it is ready
#   restart PART     kill and start; a parleyd that run or serve holds stays in their foreground
#
# Environment: VAR (var), PORT (8080), ADMIN_PORT (8081), PARLEYD (the binary), PARLEYD_FLAGS,
# MARIADBD_FLAGS. Two stacks run side by side when the first three differ.
#
# The one idea: a signal only sets $stop and is passed to the child that runs ($child); the main
# flow looks at $stop after every step and leaves by finish(). So there is no moment, however early,
# at which a signal leaves something behind. MariaDB and Redis have sessions of their own: Ctrl-C of
# a terminal reaches this script alone, which lets parleyd drain first. What runs is read from /proc,
# not from the pid files: those are for people and tests, and may be as stale as they like.
set -uo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd -P)
mkdir -p "${VAR:=$root/var}" || exit 1
chmod 700 "$VAR"
VAR=$(cd "$VAR" && pwd -P)
PORT=${PORT:-8080}
ADMIN_PORT=${ADMIN_PORT:-8081}
PARLEYD=$(realpath -m "${PARLEYD:-$root/build/gcc/parleyd}")

db_socket=$VAR/mariadbd.sock
redis_socket=$VAR/redis.sock
db_bind=$db_socket
if [ ${#db_socket} -gt 100 ]; then # a UNIX socket's path ends at 107 bytes: go there, use the name
    cd "$VAR" || exit 1
    db_socket=mariadbd.sock
    redis_socket=redis.sock
    db_bind=../mariadbd.sock # mariadbd works in its data directory
fi
db_flags=("--db-socket=$db_socket" --db-user=parley --db-name=parley)

export STACK_VAR=$VAR # marks parleyd's environment: see is_part

stop=              # the number of the signal that asked us to end
child=             # what runs in front
declare -A started # part -> pid, of what this script started in the background

say() { printf 'stack: %s\n' "$*" >&2; }

die() {
    say "$*"
    finish 1
}

# --- what runs ----------------------------------------------------------------------------------

# is_part PART PID: is this process, which has the part's name, the one of this VAR?
is_part() {
    local cwd
    cwd=$(readlink "/proc/$2/cwd" 2>/dev/null) || return 1
    case $1 in
    mariadbd) [ "$cwd" = "$VAR/mariadb" ] ;;
    redis) [ "$cwd" = "$VAR" ] ;;
    parleyd) grep -qzxF "STACK_VAR=$VAR" "/proc/$2/environ" 2>/dev/null ;;
    esac
}

part_pid() { # prints the pid of PART, if it runs
    local comm=$1 dir name
    if [ -n "${started[$1]:-}" ] && kill -0 "${started[$1]}" 2>/dev/null; then
        printf '%s\n' "${started[$1]}" # it may be so young that /proc does not show it yet
        return 0
    fi
    [ "$1" != redis ] || comm=redis-server
    for dir in /proc/[0-9]*; do
        read -r name 2>/dev/null <"$dir/comm" || continue
        if [ "$name" = "$comm" ] && is_part "$1" "${dir#/proc/}"; then
            printf '%s\n' "${dir#/proc/}"
            return 0
        fi
    done
    return 1
}

port_is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# until_true SECONDS COMMAND...: polls; 1 at the deadline or when a signal came
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ -z "$stop" ] && [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# --- signals and children ------------------------------------------------------------------------

on_signal() { # once: make passes on what the process group got already
    [ -z "$stop" ] || return 0
    stop=$1
    child_stop
}

child_stop() { # the whole group where the child leads one
    [ -n "$child" ] || return 0
    kill -TERM -- "-$child" 2>/dev/null || kill -TERM "$child" 2>/dev/null
}

checkpoint() { [ -z "$stop" ] || finish $((128 + stop)); }

# in_front COMMAND...: runs it and waits; a signal ends it. Returns its status.
in_front() {
    local status=0
    "$@" <&0 9>&- &
    child=$!
    [ -z "$stop" ] || child_stop # the signal came before we knew whom to pass it to
    while kill -0 "$child" 2>/dev/null; do
        wait "$child"
        status=$?
    done
    child=
    return "$status"
}

part_stop() { # PART SIGNAL SECONDS: and kill -9 after that
    local pid deadline=$((SECONDS + $3)) asked=
    while pid=$(part_pid "$1"); do
        if [ "$SECONDS" -ge "$deadline" ]; then
            kill -KILL "$pid" 2>/dev/null
        elif [ -z "$asked" ] && part_listens "$@"; then
            kill "-$2" "$pid" 2>/dev/null
            asked=1
        fi
        sleep 0.05
    done
    rm -f "$VAR/$1.pid"
}

# A mariadbd that is asked to end while it starts may hang: it is let come up first.
part_listens() { [ "$1" != mariadbd ] || [ "$2" = KILL ] || log_has mariadbd 'ready for connections'; }

parts_stop() { # parleyd drains first, then its stores
    part_stop parleyd TERM 60
    part_stop redis TERM 10
    part_stop mariadbd TERM 60
}

finish() { # the only way out once something was started; `up` undoes itself when it fails
    trap '' INT TERM HUP
    case $verb in
    run | up) parts_stop ;;
    serve) part_stop parleyd TERM 60 ;;
    esac
    case $verb in run | serve) rm -f "$VAR/stack.pid" ;; esac
    exit "$1"
}

# --- the parts -----------------------------------------------------------------------------------

# in_background PART COMMAND...: a session of its own, its output in VAR/PART.log, its pid in
# VAR/PART.pid
in_background() {
    local part=$1
    shift
    : >"$VAR/$part.log" # here, not in the child: the last run's log says "ready" too
    setsid "$@" </dev/null >>"$VAR/$part.log" 2>&1 9>&- &
    started[$part]=$!
    echo $! >"$VAR/$part.pid"
}

log_has() { grep -q "$2" "$VAR/$1.log" 2>/dev/null; }

part_came_up() { # PART TEXT SECONDS: until its log says TEXT
    if ! until_true "$3" part_says_or_died "$1" "$2" || ! log_has "$1" "$2"; then
        checkpoint
        tail -n 15 "$VAR/$1.log" >&2
        die "$1 did not come up (all of it: $VAR/$1.log)"
    fi
}

part_says_or_died() { log_has "$1" "$2" || ! kill -0 "$(<"$VAR/$1.pid")" 2>/dev/null; }

# A mariadbd that starts removes all temporary tables of its tmpdir, also another one's: each has its
# own. --no-defaults keeps the system's settings out.
mariadbd_argv() { # fills the array `mariadbd`
    mkdir -p "$VAR/tmp"
    mariadbd=(/usr/sbin/mariadbd --no-defaults "--datadir=$VAR/$1" "--tmpdir=$VAR/tmp" --performance-schema=OFF
        --lc-messages-dir=/usr/share/mysql --skip-log-bin)
    [ "$(id -u)" -ne 0 ] || mariadbd+=(--user=root)
}

mariadbd_make() { # a data directory with the system tables: whole, or not there
    [ ! -d "$VAR/mariadb" ] || return 0
    say "making a database in $VAR/mariadb"
    rm -rf "$VAR/mariadb.new"
    mkdir "$VAR/mariadb.new" || die "cannot write to $VAR"
    {
        printf '%s;\n' 'CREATE DATABASE mysql' 'USE mysql' 'SET @auth_root_socket = NULL'
        cat /usr/share/mysql/mysql_system_tables.sql /usr/share/mysql/mysql_performance_tables.sql \
            /usr/share/mysql/mysql_system_tables_data.sql
    } >"$VAR/bootstrap.sql"
    mariadbd_argv mariadb.new
    in_front setsid "${mariadbd[@]}" --bootstrap --log-warnings=0 --max-allowed-packet=8M \
        --innodb-log-file-size=16M <"$VAR/bootstrap.sql" >"$VAR/mariadbd.log" 2>&1
    local status=$?
    checkpoint
    rm -f "$VAR/bootstrap.sql"
    [ "$status" -eq 0 ] || die "mariadbd --bootstrap failed: $VAR/mariadbd.log"
    mv "$VAR/mariadb.new" "$VAR/mariadb"
}

mariadbd_start() {
    if part_pid mariadbd >"$VAR/mariadbd.pid"; then return 0; fi # left by a run that was killed
    mariadbd_make
    local free_mb memory_mb log_mb=512 pool_mb
    free_mb=$(df --output=avail -m "$VAR" | tail -n 1)
    [ "$free_mb" -lt 20000 ] || log_mb=2048
    memory_mb=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
    pool_mb=$((memory_mb / 8 < 128 ? 128 : memory_mb / 8 > 2048 ? 2048 : memory_mb / 8))
    # Read at every start, so that a schema that somebody dropped comes back.
    cat >"$VAR/init.sql" <<SQL
CREATE DATABASE IF NOT EXISTS parley CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE USER IF NOT EXISTS parley@localhost;
GRANT ALL ON *.* TO parley@localhost;
SQL
    mariadbd_argv mariadb
    # Durable: what is committed survives a power cut. Only processes that may enter VAR reach it.
    # shellcheck disable=SC2086 # MARIADBD_FLAGS are words
    in_background mariadbd "${mariadbd[@]}" --skip-networking "--socket=$db_bind" \
        "--init-file=$VAR/init.sql" --innodb-flush-log-at-trx-commit=1 --innodb-flush-method=O_DIRECT \
        --innodb-log-file-size=${log_mb}M --innodb-log-buffer-size=64M \
        --innodb-buffer-pool-size=${pool_mb}M --transaction-isolation=READ-COMMITTED \
        --character-set-server=utf8mb4 --max-connections=200 --max-allowed-packet=64M \
        ${MARIADBD_FLAGS:-}
    part_came_up mariadbd 'ready for connections' 120
}

redis_start() { # Debian's redis-tools holds the server as redis-check-rdb: the name decides
    if part_pid redis >"$VAR/redis.pid"; then return 0; fi
    mkdir -p "$VAR/bin"
    ln -sf /usr/bin/redis-check-rdb "$VAR/bin/redis-server"
    in_background redis "$VAR/bin/redis-server" --port 0 --unixsocket "$redis_socket" \
        --unixsocketperm 700 --save '' --appendonly no --dir "$VAR" --daemonize no
    part_came_up redis 'ready to accept connections' 20
}

parleyd_argv() { # fills the array `parleyd`
    # A key of the stack's own, so that tokens outlive a parleyd that is killed.
    [ -s "$VAR/token.key" ] || (umask 077 && head -c 48 /dev/urandom | base64 >"$VAR/token.key")
    # shellcheck disable=SC2206 # PARLEYD_FLAGS are words
    parleyd=("$PARLEYD" serve --dev "--listen=127.0.0.1:$PORT"
        "--admin-listen=127.0.0.1:$ADMIN_PORT" "${db_flags[@]}" "--redis=unix:$redis_socket"
        "--token-key-file=$VAR/token.key" ${PARLEYD_FLAGS:-})
}

# SO_REUSEPORT would let two servers of one user share a port in silence.
port_must_be_free() {
    ! port_is_open "$PORT" || die "port $PORT is taken; PORT=... chooses another"
}

parleyd_front() { # writes its pid, then becomes parleyd
    echo $BASHPID >"$VAR/parleyd.pid"
    exec setsid "$@"
}

parleyd_serve() { # in front, and again whenever `restart parleyd` asked for it
    local status
    part_stop parleyd TERM 60 # left by a run that was killed
    port_must_be_free
    parleyd_argv
    while :; do
        rm -f "$VAR/parleyd.again"
        in_front parleyd_front "${parleyd[@]}"
        status=$?
        if [ -n "$stop" ] || [ ! -e "$VAR/parleyd.again" ]; then break; fi
    done
    rm -f "$VAR/parleyd.pid"
    [ -n "$stop" ] || [ "$status" -eq 0 ] || say "parleyd ended with status $status"
    return "$status"
}

parleyd_start() {
    if part_pid parleyd >"$VAR/parleyd.pid"; then return 0; fi
    port_must_be_free
    parleyd_argv
    in_background parleyd "${parleyd[@]}"
    part_came_up parleyd '^ready http' 30
}

parleyd_restart() { # `run` or `serve` holds the lock and starts it again; else we do
    local old
    if flock -n 9; then
        part_stop parleyd KILL 5
        parleyd_start
        return
    fi
    old=$(part_pid parleyd) || die "no parleyd runs"
    touch "$VAR/parleyd.again"
    kill -KILL "$old"
    until_true 30 parleyd_is_another "$old" || die "parleyd did not come back"
}

parleyd_is_another() {
    local pid
    pid=$(part_pid parleyd) && [ "$pid" != "$1" ] && port_is_open "$PORT"
}

# --- the verbs -----------------------------------------------------------------------------------

lock_or_die() { # one run or serve a VAR
    if ! flock -n 9; then
        say "a stack runs in $VAR already (pid $(cat "$VAR/stack.pid" 2>/dev/null)); VAR=... chooses another"
        exit 1
    fi
    echo $$ >"$VAR/stack.pid"
}

up() {
    mariadbd_start
    checkpoint
    redis_start
    checkpoint
    in_front setsid "$PARLEYD" migrate "${db_flags[@]}"
    local status=$?
    checkpoint
    [ "$status" -eq 0 ] || die "parleyd migrate failed"
}

run() {
    in_front "$root/deploy/dev/install.sh" run || { checkpoint; die "install failed"; }
    checkpoint
    in_front setsid "${MAKE:-make}" -C "$root" --no-print-directory -j"$(nproc)" all ||
        { checkpoint; die "build failed"; }
    checkpoint
    parts_stop # what a run that was killed left behind
    up
    parleyd_serve
    finish $?
}

down() {
    if ! flock -n 9; then # a run or serve: it knows how to end
        kill -TERM "$(<"$VAR/stack.pid")" 2>/dev/null
        flock -w 120 9 || die "the stack in $VAR does not end"
    fi
    parts_stop
}

status() {
    local part pid all=0
    for part in parleyd mariadbd redis; do
        if pid=$(part_pid "$part"); then
            printf '%-9s pid %s\n' "$part" "$pid"
        else
            printf '%-9s down\n' "$part"
            all=3
        fi
    done
    return "$all"
}

usage() {
    sed -n '2,/^$/{/^set /d;s/^# \{0,1\}//p}' "$root/deploy/dev/stack.sh" >&2
    exit 2
}

verb=${1:-}
part=${2:-}
case $verb in kill | start | restart)
    case $part in parleyd | mariadbd | redis) ;; *) usage ;; esac ;;
esac
exec 9>"$VAR/lock" || exit 1
trap 'on_signal 2' INT
trap 'on_signal 15' TERM
trap 'on_signal 1' HUP
case $verb in
run) lock_or_die && run ;;
up) up ;;
serve) lock_or_die && parleyd_serve && finish 0 ;;
down) down ;;
status) status ;;
kill) part_stop "$part" KILL 5 ;;
start) "${part}_start" ;;
restart)
    if [ "$part" = parleyd ]; then
        parleyd_restart
    else
        part_stop "$part" KILL 5
        "${part}_start"
    fi
    ;;
*) usage ;;
esac
