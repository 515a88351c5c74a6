#!/bin/sh
# Runs in place of a repository's hooks while git serves a push (hook-plan.ts): core.hooksPath names a folder with a link to
# this file for each hook that exists. It removes what is set for receive-pack from the environment. Then it runs the
# operator's hook, if there is one, and becomes the repository's own, as if git had started that.

name=${0##*/}
here=${0%/*}
# own, own_path, own_hooks, foreign_hooks, operators, operators_hooks, plain_config
. "$here/../hooks.sh" || exit 1

unset GIT_CONFIG_PARAMETERS
# Each of these may name a file of the supervisor's: a push's note, or its log's.
unset GIT_TRACE GIT_TRACE_PACKET GIT_TRACE_PERFORMANCE GIT_TRACE_SETUP GIT_TRACE_REFS GIT_TRACE_SHALLOW
unset GIT_TRACE_PACK_ACCESS GIT_TRACE_CURL GIT_TRACE2 GIT_TRACE2_EVENT GIT_TRACE2_PERF
# git sets these itself if one of the last three is set.
unset GIT_TRACE2_PARENT_SID GIT_TRACE2_PARENT_NAME
GIT_CONFIG_GLOBAL=$plain_config
export GIT_CONFIG_GLOBAL

# A git command that receive-pack starts runs this one, in the work tree.
[ "$name" != post-index-change ] || own=$own_path

# What git says of a hook that exists and cannot run, for example because its interpreter is missing.
cannot_run() {
  echo "error: cannot run the $name hook" >&2
}

# Runs if an exec has failed. In bash it does not run then, and bash's own message has to do.
trap cannot_run EXIT

is_in() {
  case " $1 " in *" $name "*) return 0 ;; esac
  return 1
}

# Becomes the repository's own hook. One that another server has written for itself fails here, most often in words that
# say nothing to the person who pushes. So that person is told whose it is.
run_own() {
  writer=
  for foreign in $foreign_hooks; do
    [ "${foreign%%=*}" != "$name" ] || writer=${foreign#*=}
  done
  [ -n "$writer" ] || exec "$own/$name" "$@"
  trap - EXIT
  "$own/$name" "$@"
  code=$?
  [ "$code" -eq 0 ] || {
    echo "hint: The $name hook of this repository was written by $(echo "$writer" | tr - ' '), for use under it alone."
    echo "hint: It fails here. Please ask whoever runs this server to remove it (docs/operate/moving-over.md)."
  } >&2
  exit "$code"
}

is_in "$operators_hooks" || run_own "$@"
is_in "$own_hooks" || exec "$operators/$name" "$@"

# Both hooks read all of their input, which may be megabytes.
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
# The exit codes of these are ignored by git.
post-*) ;;
'reference-transaction committed' | 'reference-transaction aborted') ;;
*)
  [ "$code" -eq 0 ] || {
    trap - EXIT
    exit "$code"
  }
  ;;
esac
run_own "$@" <"$input"
