#!/usr/bin/env bash
# Runs a command next to a real SkyPilot whose cloud is played on this machine: enter.sh CACHE_FOLDER COMMAND [ARGUMENT…]
# CACHE_FOLDER is what tools/skypilot/build-rig.sh made. The command has a home folder, processes and a network of its own, so
# that ~/.sky, ~/.aws, ~/.ssh and all ports are those of this run; they end with it and leave nothing. See inside.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
  echo "carapace: $*" >&2
  exit 1
}

[ $# -ge 2 ] || fail 'Usage: enter.sh CACHE_FOLDER COMMAND [ARGUMENT…]'
[ "$(id -u)" = 0 ] || fail 'The SkyPilot rig makes namespaces and chroots, so it needs root.'
[ -e "$1/complete" ] || fail "$1 has no SkyPilot rig; tools/skypilot/build-rig.sh makes it."
cache=$(realpath "$1")
shift

# unshare ends with this script, however that ends, and everything inside with it.
setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --net --mount-proc \
  "$here/inside.sh" "$cache" "$@" <&0 &
inside=$!
trap 'kill -KILL "$inside" 2>/dev/null || true; exit 143' TERM INT HUP
code=0
wait "$inside" || code=$?
exit "$code"
