#!/bin/sh
# A worker that is quick and watches itself: worker.sh SIDE NAP BLOCKERS…
# What it sees goes into SIDE/lives, outside of the repository. Its locks are let go by the kernel, when
# it and all that it started are dead, and not sooner.
side=$1 nap=$2
shift 2
task=$SWARM_TASK_ID
say() { echo "$1 $task $SWARM_ATTEMPT $$" >>"$side/lives"; }
say start
[ -e "$side/nap-$task" ] && nap=$(cat "$side/nap-$task")
[ -e "$side/broken-$task" ] && exit 7
if command -v flock >/dev/null; then
    exec 8>>"$side/lock-task-$task" 9>>"$side/lock-folder-$(echo "$PWD" | tr / _)"
    flock -n 8 || say two-workers-on-one-task
    flock -n 9 || say two-workers-in-one-worktree
fi
for half in half-*; do
    [ -e "$half" ] && say dirty-worktree
done
for blocker in "$@"; do
    grep -q ok "$blocker.txt" || say "started-before-$blocker"
done
echo "$$" >.swarm/me
echo "$task" >"half-$task"
sleep "$nap"
if [ "$task-$SWARM_ATTEMPT" = b-1 ]; then
    echo wrong >"$task.txt"
else
    echo "$task ok" >"$task.txt"
fi
[ "$(cat .swarm/me)" = "$$" ] || say disturbed
rm "half-$task" || say disturbed
printf '{"schema_version":1,"type":"completion","task_id":"%s","status":"done","detail":"wrote %s.txt","artifacts":["%s.txt"]}' \
    "$task" "$task" "$task" >.swarm/result.part
mv .swarm/result.part .swarm/result.json
say end
