#!/bin/sh
# Backs up each repository below a folder, while it is in use, and again later, when only what is new is copied.
#
#   deploy/back-up.sh FOLDER BACKUP
#
# What a push had brought before its repository's turn is in the backup. A repository that is gone stays in the backup.
# Run it as the user who owns the repositories. Exits with 1 if any could not be backed up, and says which.
set -eu
[ $# -eq 2 ] || {
  echo "Usage: $0 FOLDER BACKUP" >&2
  exit 2
}
folder=${1%/} backup=${2%/}
[ -d "$folder" ] || {
  echo "$folder is not a folder." >&2
  exit 2
}
[ -d "$backup" ] || {
  echo "$backup is not a folder: make it first, so that a disk that is not mounted is noticed." >&2
  exit 2
}
exec 9>"$backup/.running"
flock --nonblock 9 || {
  echo "Another backup to $backup is running." >&2
  exit 1
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Only what is in the repositories counts, and not what a user or the system has configured.
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null

back_up() {
  from=$1 to=$2
  [ -e "$to/HEAD" ] || {
    format=$(git --git-dir="$from" rev-parse --show-object-format) &&
      GIT_DEFAULT_REF_FORMAT=$(git --git-dir="$from" config extensions.refStorage || echo files) \
        git init --quiet --bare --template= --object-format="$format" "$to"
  } || return 1
  # With the references that are hidden from clients.
  git --git-dir="$to" fetch --quiet --prune --update-head-ok --no-write-fetch-head --no-auto-maintenance \
    --upload-pack='git -c uploadpack.hideRefs=!refs upload-pack' "$from" '+refs/*:refs/*' || return 1
  head=$(git --git-dir="$from" symbolic-ref --quiet HEAD) && git --git-dir="$to" symbolic-ref HEAD "$head"
  for name in config description hooks info; do
    [ ! -e "$from/$name" ] || { rm -rf "${to:?}/$name" && cp -a "$from/$name" "$to/$name"; } || return 1
  done
  back_up_lfs "$from" "$to"
}

# After the references, so that all objects that they need are there. An object never changes, and has its name only when it
# is whole. The other two are replaced as a whole: the locks, and where in S3 objects are.
back_up_lfs() {
  for name in locks.json s3.json; do
    [ ! -e "$1/lfs/$name" ] || { mkdir -p "$2/lfs" && cp -p "$1/lfs/$name" "$2/lfs/$name"; } || return 1
  done
  [ -d "$1/lfs/objects" ] || return 0
  find "$1/lfs/objects" -type f | while IFS= read -r object; do
    copy=$2/${object#"$1"/}
    [ -e "$copy" ] || { mkdir -p "${copy%/*}" && cp -p "$object" "$copy.new" && mv "$copy.new" "$copy"; } || exit 1
  done
}

# A repository is a folder with a HEAD, objects and refs. What lies inside one is not looked at, nor are names that end in
# .lock, which have what is being made, and the trash.
find "$folder" -type d -name '*.lock' -prune -o -type d -exec test -f {}/HEAD \; -exec test -d {}/objects \; -exec test -d {}/refs \; -prune -print |
  sort >"$scratch/repositories"

count=0 failed=0
while IFS= read -r repository; do
  name=${repository#"$folder"/}
  back_up "$repository" "$backup/$name" </dev/null || {
    echo "not backed up: $name" >&2
    failed=$((failed + 1))
  }
  count=$((count + 1))
done <"$scratch/repositories"

echo "$count repositories, $failed not backed up."
[ "$failed" -eq 0 ]
