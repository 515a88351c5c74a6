#!/usr/bin/env bash
# Does what the Dockerfile does, in a plain folder: production packages only, files that nobody may write to, and a user
# without rights. Then it starts both applications, and clones and pushes through them.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d /tmp/sluice-image-XXXXXX)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
  chmod -R u+w "$folder" && rm -rf "$folder"
}
trap cleanup EXIT
app=$folder/opt/sluice
mkdir -p "$app" "$folder/git" "$folder/run"

# Reads the COPY lines themselves, so a folder that they forget is missing here, too.
while read -r -a words; do
  count=${#words[@]}
  target=$app/${words[count - 1]}
  for source in "${words[@]:1:count-2}"; do
    if [[ -d $source ]]; then mkdir -p "$target" && cp -r "$source/." "$target"
    elif [[ ${words[count - 1]} = */ ]]; then mkdir -p "$target" && cp "$source" "$target"
    else cp "$source" "$target"; fi
  done
done < <(grep '^COPY ' deploy/Dockerfile | grep -v -- --from)
(cd "$app" && npm ci --omit=dev --prefer-offline --no-audit --no-fund >/dev/null 2>&1)
[[ ! -e $app/node_modules/typescript ]] || { echo 'development packages are in the image' >&2; exit 1; }
chmod -R a-w "$app" && chmod 0777 "$folder/git" "$folder/run" && chmod 0755 "$folder"

run() { if [[ $(id -u) = 0 ]]; then exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else exec "$@"; fi; }
node=$app/node_modules/.bin/node
ln -s "$app/apps/command/bin/sluice" "$folder/run/sluice"
run_command() { (run "$folder/run/sluice" "$@"); }
[[ $(run_command --version) = $(cd "$app" && "$node" -p 'require("./package.json").version') ]]
port=$("$node" -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
export SLUICE_ROOT=$folder/git SLUICE_RUN_FOLDER=$folder/run SLUICE_SUPERVISOR=unix:$folder/run/s.sock SLUICE_CREATE_ON_PUSH=on
export SLUICE_LISTEN=127.0.0.1:$port
for name in supervisor gateway; do
  (run "$app/deploy/entrypoint.sh" "$name" >"$folder/run/$name.log") &
  pids+=($!)
  for ((n = 0; ; n++)); do
    (run "$app/deploy/entrypoint.sh" health "$name") >/dev/null 2>&1 && break
    ((n < 100)) || { cat "$folder/run/$name.log" >&2; echo "the $name is not ready" >&2; exit 1; }
    sleep 0.2
  done
done

export GIT_CONFIG_GLOBAL=/dev/null
git init -q "$folder/work"
cd "$folder/work"
git -c user.name=A -c user.email=a@example.org commit -q --allow-empty -m First
git push -q "http://127.0.0.1:$port/new.git" HEAD:main
git clone -q "http://127.0.0.1:$port/new.git" "$folder/clone"
[[ $(git -C "$folder/clone" log -1 --format=%s) = First ]]
echo "The image's steps: $(du -sm "$app" | cut -f1) MB with production packages only, read-only, without rights: both applications ready, a push and a clone served."
