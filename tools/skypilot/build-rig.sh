#!/usr/bin/env bash
# Builds what the tests with a real SkyPilot run in (test/e2e/skypilot/rig): tools/skypilot/build-rig.sh FOLDER
# FOLDER gets venv (SkyPilot, moto, the AWS command line), node (the system of every machine, with all that SkyPilot would
# fetch for it) and wheels (SkyPilot's own, for its machines). Once per folder; it needs root and about two minutes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The user of the machines by the name that SkyPilot expects, and where it looks for things there.
user=ubuntu
home=/home/$user
packages=openssh-server,sudo,rsync,python3,python3-venv,procps,iproute2,ca-certificates,curl,patch,git

say() { echo "carapace: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

require_commands() {
  local pair missing=()
  for pair in debootstrap=debootstrap rsync=rsync ssh=openssh-client ip=iproute2 unshare=util-linux flock=util-linux; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} = 0 ] || fail "These Debian packages are missing: ${missing[*]}"
}

# Debian's own Python where it will do: it is outside of the home folder, which the rig replaces.
find_python() {
  local candidate
  for candidate in /usr/bin/python3 python3; do
    "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || continue
    python=$candidate
    return
  done
  fail 'This needs Python 3.10 or later with its venv module: the Debian packages python3 and python3-venv.'
}

# step COMMAND…: into the log, of which the end is shown where it fails.
step() {
  local code=0
  # Not as part of a condition, where a function would go on after an error.
  set +e
  (
    set -e
    "$@"
  ) >>"$log" 2>&1
  code=$?
  set -e
  [ "$code" != 0 ] || return 0
  tail -n 30 "$log" >&2
  fail "The SkyPilot rig could not be built; the whole log is $log"
}

in_node() { chroot "$folder/node" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"; }
as_user() {
  chroot --userspec="$user:$user" "$folder/node" /usr/bin/env -i HOME="$home" PATH="$home/.local/bin:/usr/bin:/bin" \
    LANG=C.UTF-8 "$@"
}

build_venv() {
  "$python" -m venv "$folder/venv"
  "$folder/venv/bin/python3" -m pip install --quiet --no-deps --no-compile -r "$here/venv.txt"
  "$folder/venv/bin/python3" -m compileall -q -j 0 "$folder/venv/lib" || true
}

# The machine has another Python than this one, perhaps.
fetch_node_wheels() {
  local platform platforms=()
  for platform in manylinux_2_28 manylinux_2_24 manylinux_2_17 manylinux2014 manylinux_2_12 manylinux2010; do
    platforms+=(--platform "${platform}_x86_64")
  done
  "$folder/venv/bin/python3" -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.11 "${platforms[@]}" \
    --dest "$folder/node-wheels" -r "$here/node.txt"
}

build_wheel() {
  HOME=$folder/home "$folder/venv/bin/python3" -c 'from sky.backends import wheel_utils; wheel_utils.build_sky_wheel()'
  mv "$folder/home/.sky/wheels" "$folder/wheels"
}

# debootstrap has no way to leave documentation out.
build_system() {
  debootstrap --variant=minbase --include="$packages" bookworm "$folder/node"
  rm -rf "$folder"/node/usr/share/{doc,info,locale,man} "$folder"/node/var/cache/apt/* "$folder"/node/var/lib/apt/lists/*
  in_node useradd --create-home --shell /bin/bash "$user"
  # No password, but not locked either, or sshd lets nobody in.
  in_node usermod --password '*' "$user"
  echo "$user ALL=(ALL) NOPASSWD:ALL" >"$folder/node/etc/sudoers.d/$user"
  chmod 0440 "$folder/node/etc/sudoers.d/$user"
}

# SkyPilot finds its runtime, its environment for users and its wheel there, and fetches nothing.
build_runtime() {
  local hash
  hash=$(ls "$folder/wheels")
  mkdir "$folder/node/wheels"
  mount --bind "$folder/node-wheels" "$folder/node/wheels"
  mount -t proc proc "$folder/node/proc"
  as_user mkdir -p "$home/.local/bin" "$home/.config/uv" "$home/.sky/wheels"
  install -m 0755 "$folder/venv/bin/uv" "$folder/node$home/.local/bin/uv"
  cp "$folder/wheels/$hash"/*.whl "$folder/node-wheels/"
  as_user python3 -m venv "$home/sky-user-env"
  as_user python3 -m venv --without-pip "$home/skypilot-runtime"
  as_user bash -c 'uv pip install --python ~/skypilot-runtime --offline --no-index --no-deps --no-cache --link-mode copy \
    --compile-bytecode /wheels/*.whl'
  echo 'offline = true' >"$folder/node$home/.config/uv/uv.toml"
  echo "$hash" >"$folder/node$home/.sky/wheels/current_sky_wheel_hash"
  umount "$folder/node/proc" "$folder/node/wheels"
  rmdir "$folder/node/wheels"
}

build() {
  local system
  say "Building the SkyPilot rig in $folder (once, about two minutes)"
  rm -rf "$folder"
  mkdir -p "$folder/run"
  log=$folder/build.log
  step build_system &
  system=$!
  step build_venv
  step fetch_node_wheels
  # The same wheel as SkyPilot's from the package index, except that this one goes by its hash.
  step build_wheel
  rm -f "$folder"/node-wheels/skypilot-*.whl
  wait "$system"
  step build_runtime
  rm -rf "$folder/node-wheels" "$folder/home"
  touch "$folder/complete"
}

if [ "${1-}" = --build ]; then
  folder=$2
  python=$3
  build
  exit
fi

[ $# = 1 ] || fail 'Usage: tools/skypilot/build-rig.sh FOLDER'
folder=$(realpath -m "$1")
[ -e "$folder/complete" ] && exit
[ "$(id -u)" = 0 ] || fail 'Building the SkyPilot rig needs root, for its chroot.'
require_commands
find_python
mkdir -p "$(dirname "$folder")"
# Only one of several runs builds; the others wait for it. Without the mark it is new, or what an interrupted run left.
exec 9>"$folder.lock"
flock 9
[ -e "$folder/complete" ] || unshare --mount --pid --fork --kill-child "$0" --build "$folder" "$python"
