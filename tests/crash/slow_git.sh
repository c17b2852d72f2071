#!/bin/sh
# git, but one call that fits the pattern in SIDE/slow first waits for SIDE/go, a few seconds at most.
side=$(dirname "$(dirname "$0")")
if [ -e "$side/slow" ]; then
    pattern=$(cat "$side/slow")
    case "$*" in
    $pattern)
        if mv "$side/slow" "$side/caught" 2>/dev/null; then
            for _ in $(seq 60); do
                [ -e "$side/go" ] && break
                sleep 0.1
            done
            touch "$side/waited"
        fi
        ;;
    esac
fi
PATH=${PATH#"$side/bin:"} exec git "$@"
