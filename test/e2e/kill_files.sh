#!/bin/sh
# Who keeps what a command destroys is killed at random moments, as user and as root: no version is lost.
# KILLS points (test-kill: 200), drawn from SEED, which is printed.
E2E_FILES=on KILLS=${KILLS:-10} WHAT=kill_files.sh exec "$(dirname "$0")/kill.sh"
