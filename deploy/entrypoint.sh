#!/bin/sh
# Runs one of the two applications in the place of this shell, so that signals reach it; or asks whether it is ready.
set -eu
cd "$(dirname "$0")/.."
case "${1:-}" in
  gateway) exec node_modules/.bin/node --max-semi-space-size=1 apps/gateway/src/main.ts ;;
  supervisor) exec node_modules/.bin/node --max-semi-space-size=1 apps/gitworker/src/main.ts ;;
  # Which of them this container runs is the last word of its first process's command.
  health) exec node_modules/.bin/node deploy/health.ts "${2:-$(tr '\0' '\n' </proc/1/cmdline | tail -n 1)}" ;;
  *) echo "Say what to run: gateway, supervisor, or health." >&2; exit 64 ;;
esac
