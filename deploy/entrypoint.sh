#!/bin/sh
# Replaces this shell with one of the two applications, so that signals reach it; or asks whether it is ready; or runs the
# command with any other words, as in "docker run --rm sluice --help".
set -eu
cd "$(dirname "$0")/.."
flags=$(cat packages/shared/src/app/node-flags.txt)
case "${1:-}" in
  gateway) exec node_modules/.bin/node $flags apps/gateway/src/main.ts ;;
  supervisor) exec node_modules/.bin/node $flags apps/gitworker/src/main.ts ;;
  # The last word of the command of PID 1 says which application this container runs.
  health) exec node_modules/.bin/node deploy/health.ts "${2:-$(tr '\0' '\n' </proc/1/cmdline | tail -n 1)}" ;;
  *) exec apps/command/bin/sluice "$@" ;;
esac
