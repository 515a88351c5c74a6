#!/bin/sh
# Runs one of the two applications in the place of this shell, so that signals reach it.
set -eu
cd "$(dirname "$0")/.."
case "${1:-}" in
  gateway) exec node_modules/.bin/node --max-semi-space-size=1 apps/gateway/src/main.ts ;;
  supervisor) exec node_modules/.bin/node --max-semi-space-size=1 apps/gitworker/src/main.ts ;;
  *) echo "Say what to run: gateway or supervisor." >&2; exit 64 ;;
esac
