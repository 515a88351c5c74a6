#!/bin/sh
# Stands in for a repository's hooks while git serves a push (hook-plan.ts): core.hooksPath names a folder of links to this
# file, one for each hook that there is. What is set for receive-pack is taken out of the environment; then the operator's
# hook runs, if there is one, and after it the repository's own, as if git had started it.

name=${0##*/}
here=${0%/*}
# own, own_path, own_hooks, operators, operators_hooks, plain_config
. "$here/../hooks.sh" || exit 1

unset GIT_CONFIG_PARAMETERS
# Each of these may name a file of the supervisor's: a push's note, or its log's.
unset GIT_TRACE GIT_TRACE_PACKET GIT_TRACE_PERFORMANCE GIT_TRACE_SETUP GIT_TRACE_REFS GIT_TRACE_SHALLOW
unset GIT_TRACE_PACK_ACCESS GIT_TRACE_CURL GIT_TRACE2 GIT_TRACE2_EVENT GIT_TRACE2_PERF
# git sets these itself where one of the last three is set.
unset GIT_TRACE2_PARENT_SID GIT_TRACE2_PARENT_NAME
GIT_CONFIG_GLOBAL=$plain_config
export GIT_CONFIG_GLOBAL

# git below receive-pack runs this one, in the work tree.
[ "$name" != post-index-change ] || own=$own_path

# As git says it of a hook that is there and cannot run, because its interpreter is missing, say.
cannot_run() {
  echo "error: cannot run the $name hook" >&2
}

# Runs where an exec has failed; in a bash, nothing does, and what bash says must do.
trap cannot_run EXIT

is_in() {
  case " $1 " in *" $name "*) return 0 ;; esac
  return 1
}

is_in "$operators_hooks" || exec "$own/$name" "$@"
is_in "$own_hooks" || exec "$operators/$name" "$@"

# Both want all of what git says. It may be megabytes.
input=/dev/null
case $name in
pre-receive | post-receive | reference-transaction)
  input=$here/../input.$name
  cat >"$input" || {
    trap - EXIT
    echo "What git tells the $name hooks cannot be kept." >&2
    exit 1
  }
  ;;
esac

"$operators/$name" "$@" <"$input"
code=$?
case $code in 126 | 127) cannot_run ;; esac
case "$name $1" in
# git does not ask these for leave.
post-*) ;;
'reference-transaction committed' | 'reference-transaction aborted') ;;
*)
  [ "$code" -eq 0 ] || {
    trap - EXIT
    exit "$code"
  }
  ;;
esac
exec "$own/$name" "$@" <"$input"
