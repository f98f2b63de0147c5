#!/bin/sh
# Runs a crowd until it is ended: crowd.sh IDLE BUSY, the numbers of processes that sleep and that work.
for _ in $(seq "$1"); do
    perl /packages/crowd.pl idle &
done
for _ in $(seq "$2"); do
    perl /packages/crowd.pl busy &
done
wait
