#!/bin/sh
# Compares the references of each bare repository below a folder with those that a server gives to a git client.
#
#   deploy/compare-refs.sh FOLDER URL
#
# Prints the names of those that differ, and exits with 1 if there are any. Log-ins come from git's credential helper.
set -eu
[ $# -eq 2 ] || {
  echo "Usage: $0 FOLDER URL" >&2
  exit 2
}
folder=${1%/} url=${2%/}
[ -d "$folder" ] || {
  echo "$folder is not a folder." >&2
  exit 2
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A repository is a folder with a HEAD, objects and refs. What lies inside one is not looked at, nor are names that end in
# .lock, which have what is being made, and the trash.
find "$folder" -type d -name '*.lock' -prune -o -type d -exec test -f {}/HEAD \; -exec test -d {}/objects \; -exec test -d {}/refs \; -prune -print |
  sort >"$scratch/repositories"

compared=0 different=0
while IFS= read -r repository; do
  name=${repository#"$folder"}
  # What has a meaning in an address.
  address=$url$(printf %s "$name" | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/?/%3F/g')
  problem=
  code=0
  git --git-dir="$repository" show-ref --head --dereference >"$scratch/list" 2>"$scratch/error" || code=$?
  sort "$scratch/list" >"$scratch/there"
  # git gives 1 for a repository without references.
  if [ "$code" -gt 1 ]; then
    problem="cannot be read: ${name#/}: $(tail -1 "$scratch/error")"
  elif ! git ls-remote "$address" </dev/null >"$scratch/list" 2>"$scratch/error"; then
    problem="not served: ${name#/}: $(tail -1 "$scratch/error")"
  else
    tr '\t' ' ' <"$scratch/list" | sort >"$scratch/here"
    cmp -s "$scratch/there" "$scratch/here" || problem="differs: ${name#/}"
  fi
  [ -z "$problem" ] || {
    echo "$problem"
    different=$((different + 1))
  }
  compared=$((compared + 1))
done <"$scratch/repositories"

echo "$compared repositories compared, $different different."
[ "$different" -eq 0 ]
