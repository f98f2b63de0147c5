#!/usr/bin/env bash
# demo.sh - hakmem's main job on a real program: see a redis-server's memory from outside, and steer it.
#
# usage: demo.sh [BUILD_DIR]    (default: $HAKMEM_BUILD)
#
# Starts a private hakmemd and a private redis-server with libhakmem.so preloaded, fills it with
# redis-benchmark, watches, tunes, trims. Needs no root rights, opens no port (unix sockets in a folder of
# its own), and leaves nothing behind. Fails if a number does not do what the text says.
set -euo pipefail

# 77: as a test it is then skipped.
for program in redis-server redis-cli redis-benchmark jq; do
    command -v "$program" >/dev/null || { echo "demo: skipped: $program is not installed"; exit 77; }
done

build=$(cd "${1:-$HAKMEM_BUILD}" && pwd)
ctl=$build/ctl/hakmemctl
dir=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-demo.XXXXXX")
export HAKMEM_RUNTIME_DIR=$dir/run
daemon_pid='' redis_pid='' load_pid=''

clean_up() {
    local pid
    for pid in $load_pid $redis_pid $daemon_pid; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in $load_pid $redis_pid $daemon_pid; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

if [[ -t 1 ]]; then
    bold=$'\e[1m' plain=$'\e[0m'
else
    bold='' plain=''
fi

step() {
    printf '\n%s== %s%s\n\n' "$bold" "$*" "$plain"
}

show() {
    printf '%s$ %s%s\n' "$bold" "${*/#$ctl/hakmemctl}" "$plain"
    "$@"
    echo
}

die() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

wait_for() {
    local what=$1
    shift
    for _ in $(seq 200); do
        if "$@" >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.1
    done
    die "waited in vain for $what"
}

redis() {
    redis-cli -s "$dir/redis.sock" "$@" >/dev/null
}

# Fills redis with new keys: its memory grows all the while. Keys of one fill are none of another's: two runs of
# redis-benchmark may well draw the same numbers, for it seeds them by the time and its pid.
value=$(printf '%0150d' 0)
fill() {
    local name=$1 keys=$2
    redis-benchmark -s "$dir/redis.sock" -n "$keys" -r 100000000 -P 16 -q set "$name:__rand_int__" "$value" >/dev/null
}

figure() {
    "$ctl" stats --pid "$redis_pid" --json | jq "$1"
}

listed() {
    "$ctl" list --json | jq -e ".processes[] | select(.pid == $redis_pid)"
}

# The segment is read twice a second: what happened before a request is in the answer after that.
settle() {
    sleep 1.2
}

# Allocations for each refill while redis grows by a given number of keys of that name.
measure() {
    local name=$1 keys=$2 before after
    settle
    before=$(figure '[.processes[0].totals | .allocs_total, .refills_total]')
    fill "$name" "$keys"
    settle
    after=$(figure '[.processes[0].totals | .allocs_total, .refills_total]')
    jq -n --argjson a "$after" --argjson b "$before" '($a[0] - $b[0]) / ($a[1] - $b[1]) * 10 | round / 10'
}

step "A daemon of our own, in $HAKMEM_RUNTIME_DIR"
mkdir -m 700 "$HAKMEM_RUNTIME_DIR"
"$build/daemon/hakmemd" --interval-ms 500 >"$dir/hakmemd.log" 2>&1 &
daemon_pid=$!
wait_for "hakmemd" "$ctl" info
show "$ctl" info

step "redis-server, unchanged, with libhakmem.so preloaded"
LD_PRELOAD=$build/lib/libhakmem.so redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' \
    --appendonly no --dir "$dir" --daemonize no >"$dir/redis.log" 2>&1 &
redis_pid=$!
wait_for "redis-server" redis ping
wait_for "redis-server to be listed" listed
show "$ctl" list

step "While redis-benchmark fills it"
fill first 600000 &
load_pid=$!
sleep 1
show "$ctl" stats --pid "$redis_pid" --interval 1 --count 2
wait "$load_pid"
load_pid=''

step "Refills: how often malloc has to go to the slabs"
echo "Filling in 300,000 keys with the default batches ..."
before=$(measure before 300000)
echo "  $before allocations for each refill"
echo
echo "Larger batches, and bins that can hold them. A process takes new tuning over when its allocator"
echo "next has something to do beyond the hot path, so this is said while redis works:"
echo
fill during 200000 &
load_pid=$!
show "$ctl" tune --pid "$redis_pid" refill_batch=800% bin_cap=1024 bin_bytes=1MiB
wait "$load_pid"
load_pid=''
echo "Filling in 300,000 keys more, with the same redis-server, not restarted ..."
after=$(measure after 300000)
echo "  $after allocations for each refill: $(jq -n "$after / $before * 10 | round / 10") times as many"
jq -en "$after > 2 * $before" >/dev/null || die "larger batches should have made refills rarer"

step "Memory going back"
grown=$(figure '.processes[0].rss_bytes')
redis flushall sync
settle
freed=$(figure '.processes[0].rss_bytes')
redis-benchmark -s "$dir/redis.sock" -t ping -n 500000 -P 16 -q >/dev/null & # so that it has a slow path to run
load_pid=$!
"$ctl" trim --pid "$redis_pid" --json >"$dir/trim.json" || die "redis-server should have trimmed itself"
wait "$load_pid"
load_pid=''
settle
trimmed=$(figure '.processes[0].rss_bytes')
mib() {
    jq -n "$1 / 1048576 * 10 | round / 10"
}
echo "  filled             $(mib "$grown") MiB resident"
echo "  after FLUSHALL     $(mib "$freed") MiB: it goes back by itself, but for slabs that (now larger) bins hold"
released=$(jq '.results[0].released_bytes' "$dir/trim.json")
echo "  hakmemctl trim     $(mib "$trimmed") MiB: $(mib "$released") MiB more, bins emptied"
# redis asks for all of it itself, by jemalloc's name for that; the pings may have needed a little since.
jq -en "$freed < $grown / 2 and $trimmed <= $freed + 1048576" >/dev/null || die "memory should have gone back"

step "The end"
redis shutdown nosave || true
wait "$redis_pid" 2>/dev/null || true
redis_pid=''
settle
show "$ctl" list --dead
echo "All of it ran in $dir, which is removed now."
