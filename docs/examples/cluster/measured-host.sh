#!/bin/bash
# A host that is a node of Ray only while nothing is measured on it: it leaves the cluster once its campaign runs,
# returns for two minutes every six hours to hand over what is sealed, and for good when the campaign has ended.
#
#   measured-host.sh HEAD:PORT NAME SCRATCH [OPTIONS OF RAY START]
#
# SCRATCH is the study's `hosts.scratch`. The study's `patience` must be longer than the pause: patience = "12h".
set -u
address=$1 name=$2 scratch=$3
shift 3
pause=${AGING_PAUSE:-21600} stay=${AGING_STAY:-120}   # seconds
. "$(dirname "$0")/measured-host.env"

measures() {   # whether a runner owns a result directory of this host
    local lock
    for lock in "$scratch/$name"/*/*/a*/results/*/*/lock; do
        [[ -e $lock ]] && ! flock --nonblock --shared "$lock" true && return 0
    done
    return 1
}
join() {
    ray start --address="$address" --labels="aging.host=$name" --disable-usage-stats --include-log-monitor=false \
        --block "$@" &
    node=$!
}
leave() {
    kill -TERM "$node" 2>/dev/null
    wait "$node"
}
nap() { sleep "$1" & wait $!; }   # a signal ends a wait, not a sleep

join "$@"
trap 'leave; exit 0' INT TERM
while true; do
    until measures; do
        nap 10
        kill -0 "$node" 2>/dev/null || { nap 20; join "$@"; }   # the head was not there
    done
    nap "$stay"
    while pgrep -f '^ray::Visit' >/dev/null; do nap 5; done       # the study is just asking
    leave
    for ((left = pause; left > 0; left -= 60)); do
        measures || break
        nap $((left < 60 ? left : 60))
    done
    join "$@"
done
