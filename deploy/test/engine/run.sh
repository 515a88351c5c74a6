#!/usr/bin/env bash
# Builds the image from the Dockerfile, and runs the tests of this folder on it with podman.
#
# The base images are made here, by debootstrap, under the names that the Dockerfile asks for. Everything is kept in one
# folder below /tmp, and runs in namespaces of its own: mounts, processes and networks are gone with them, however it ends.
# Where podman cannot be used, one line says why, and deploy/try-image-steps.sh does what it can.
set -euo pipefail
cd "$(dirname "$0")/../../.."

main() {
  folder=$(mktemp -d /tmp/sluice-engine-XXXXXX)
  trap remove EXIT
  trap 'exit 130' INT TERM
  # podman keeps there which names and addresses containers have, whatever folders it is told. A killed run leaves them.
  mkdir -p /run/containers && mount -t tmpfs tmpfs /run/containers
  # Packages are unpacked file by file, each with a sync: in memory, that costs nothing.
  (($(available_gib) < 10)) || mount -t tmpfs -o size=8g,mode=0700 tmpfs "$folder"
  write_podman
  make_debian && make_node
  build_image "$folder/build.log"
  make_haproxy && make_systemd
  echo "Built in $SECONDS s: $(podman image inspect --format '{{.Size}}' sluice | numfmt --to=si)B, of which Debian $(podman image inspect --format '{{.Size}}' debian:bookworm-slim | numfmt --to=si)B"
  local tests=("$@")
  ((${#tests[@]})) || tests=(deploy/test/engine/*.test.ts)
  # A container takes longer to start than a process.
  SLUICE_TEST_PATIENCE=${SLUICE_TEST_PATIENCE:-3} SLUICE_TEST_PODMAN=$folder/podman unshare --net -- \
    sh -c 'ip link set lo up && exec "$@"' sh \
    node_modules/.bin/node --test --test-concurrency=1 --test-timeout=600000 --import @sluice/shared/testing/bounded-file "${tests[@]}"
}

# Prints why podman cannot be used here, and fails, if it cannot.
reason_against() {
  [[ $(id -u) = 0 ]] || { echo 'this needs root'; return 1; }
  local program
  for program in podman debootstrap runc iptables ip unshare apt-get npm; do
    command -v "$program" >/dev/null || { echo "there is no $program"; return 1; }
  done
  unshare --net --mount --pid --fork --mount-proc true 2>/dev/null || { echo 'namespaces are not allowed'; return 1; }
  [[ $(mirror) ]] || { echo 'apt names no mirror of Debian bookworm'; return 1; }
}

mirror() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' | sed -n 's/ bookworm main$//p' | head -n 1
}

available_gib() { awk '$1 == "MemAvailable:" { print int($2 / 2 ^ 20) }' /proc/meminfo; }

# Containers get the limits that this process has: without CAP_SYS_RESOURCE, more cannot be given.
write_podman() {
  mkdir "$folder/storage" "$folder/run" "$folder/networks" "$folder/tmp"
  local files processes
  files=$(at_most 20000 "$(ulimit -Hn)") processes=$(at_most 20000 "$(ulimit -Hu)")
  printf '[containers]\ndefault_ulimits = ["nofile=%s:%s", "nproc=%s:%s"]\n' "$files" "$files" "$processes" "$processes" >"$folder/containers.conf"
  cat >"$folder/podman" <<END
#!/bin/sh
export CONTAINERS_CONF=$folder/containers.conf TMPDIR=$folder/tmp
exec podman --root $folder/storage --runroot $folder/run --tmpdir $folder/run/libpod --network-config-dir $folder/networks \\
  --storage-driver $(storage_driver) --cgroup-manager cgroupfs --events-backend none --runtime runc --log-level fatal "\$@"
END
  chmod +x "$folder/podman"
}

at_most() { [[ $2 != unlimited && $2 -lt $1 ]] && echo "$2" || echo "$1"; }

storage_driver() {
  local on=$folder/overlay
  mkdir -p "$on/lower" "$on/upper" "$on/work" "$on/merged"
  if mount -t overlay overlay -o "lowerdir=$on/lower,upperdir=$on/upper,workdir=$on/work" "$on/merged" 2>/dev/null; then
    umount "$on/merged" && echo overlay
  else
    echo vfs
  fi
}

podman() { "$folder/podman" "$@"; }

# As Docker's debian:bookworm-slim: no pages, no translations, no packages that stay behind.
make_debian() {
  local root=$folder/debian kept
  debootstrap --variant=minbase bookworm "$root" "$(mirror)" >"$folder/debootstrap.log" 2>&1 || { tail -n 5 "$folder/debootstrap.log" >&2; return 1; }
  for kept in doc man locale info; do
    rm -rf "$root/usr/share/$kept"
    echo "path-exclude /usr/share/$kept/*" >>"$root/etc/dpkg/dpkg.cfg.d/docker"
  done
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
  echo 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };' >"$root/etc/apt/apt.conf.d/docker-clean"
  tar -C "$root" -c . | podman import --quiet - debian:bookworm-slim >/dev/null
  rm -rf --one-file-system "$root"
}

# As Docker's node:24-bookworm-slim: Node and npm in /usr/local.
make_node() {
  local root=$folder/node
  mkdir -p "$root/bin" "$root/lib/node_modules"
  cp -L node_modules/.bin/node "$root/bin/node"
  cp -r "$(npm root --global)/npm" "$root/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/bin/npm"
  mkdir "$root/etc" && ln -s /mnt/npmrc "$root/etc/npmrc"
  printf 'FROM debian:bookworm-slim\nCOPY . /usr/local/\n' | build --tag node:24-bookworm-slim --file - "$root"
  rm -rf "$root"
}

# How this machine reaches its registry is mounted, and so never becomes part of the image.
build_image() {
  local registry=$folder/registry name value cafile
  mkdir "$registry"
  for name in registry proxy https-proxy noproxy; do
    value=$(npm config get "$name")
    [[ -z $value || $value = null ]] || echo "$name=$value"
  done >"$registry/npmrc"
  cafile=$(npm config get cafile)
  [[ $cafile != null ]] || cafile=${NODE_EXTRA_CA_CERTS:-}
  [[ -z $cafile ]] || { cp "$cafile" "$registry/ca.crt" && echo 'cafile=/mnt/ca.crt' >>"$registry/npmrc"; }
  build --volume "$registry:/mnt:ro" --ignorefile deploy/Dockerfile.dockerignore --file deploy/Dockerfile --tag sluice . >"$1" 2>&1 || { tail -n 20 "$1" >&2; return 1; }
}

# As Docker's haproxy:2.8, but in Debian's version.
make_haproxy() {
  build --tag haproxy:2.8 --file - . <<'END'
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -qq --no-install-recommends haproxy >/dev/null 2>&1
USER haproxy
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
END
}

# A machine with systemd, on which Sluice is in /opt/sluice as docs/operate/deploy.md says, and nothing else.
make_systemd() {
  build --tag sluice-machine --file - . <<'END'
FROM sluice
USER root
RUN apt-get update -qq && apt-get install -qq --no-install-recommends systemd-sysv dbus >/dev/null 2>&1 \
 && systemctl mask --quiet systemd-firstboot systemd-networkd systemd-networkd-wait-online systemd-resolved systemd-logind \
 && userdel sluice && rm -rf /srv/git /run/sluice
STOPSIGNAL SIGRTMIN+3
HEALTHCHECK NONE
ENTRYPOINT ["/sbin/init"]
CMD []
END
}

build() { podman build --quiet --format docker --isolation chroot --network host --pull-never --layers "$@" >/dev/null; }

remove() {
  find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} + 2>/dev/null || true
  local at
  while read -r at; do umount "$at"; done < <(awk -v folder="$folder" 'index($2 "/", folder "/") == 1 { print $2 }' /proc/mounts | sort -r)
  rm -rf --one-file-system "$folder"
}

if [[ ${1:-} = --inside ]]; then
  shift && main "$@"
elif why=$(reason_against); then
  exec unshare --mount --pid --fork --kill-child --mount-proc -- deploy/test/engine/run.sh --inside "$@"
else
  echo "The image is not built: $why."
  exec deploy/try-image-steps.sh
fi
