#!/usr/bin/env bash
# Runs a command with a network of its own and a played internet: enter.sh COMMAND [ARGUMENT…]
# The command is root in a mount namespace with an empty /run (so `ip netns add` touches nobody's namespaces) and in a
# network namespace with an uplink `up0`, a default route and a resolver; what is behind the uplink, rig/inside.sh says.
# Everything ends with the command, also after kill -9 of this script; its exit code is the command's.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
  echo "carapace: $*" >&2
  exit 1
}

[ $# -ge 1 ] || fail 'Usage: enter.sh COMMAND [ARGUMENT…]'
[ "$(id -u)" = 0 ] || fail 'The tests of machines make network namespaces, so they need root.'
command -v ip >/dev/null || fail 'The program ip is missing: apt-get install iproute2'

# unshare ends with this script, however that ends, and everything inside with it.
setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --net --mount-proc \
  "$here/rig/inside.sh" "$@" <&0 &
inside=$!
trap 'kill -KILL "$inside" 2>/dev/null || true; exit 143' TERM INT HUP
code=0
wait "$inside" || code=$?
exit "$code"
