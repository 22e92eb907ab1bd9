#!/usr/bin/env bash
# The inner half of enter.sh, the first process in namespaces of its own: inside.sh COMMAND [ARGUMENT…]
# Makes the worker's uplink and the played internet behind it (internet.ts), then runs the command to its end.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(realpath "$here/../../../..")
export PATH=$root/node_modules/.bin:$PATH:/usr/sbin:/sbin

resolver_file=$(realpath -m /etc/resolv.conf)
mount -t tmpfs -o mode=0755 run /run
mkdir -p /run/netns /run/lock /run/rig "$(dirname "$resolver_file")"
[ -e "$resolver_file" ] || : >"$resolver_file"

# As on Google's cloud: the worker has a private address, and the metadata address is also the resolver.
echo 'nameserver 169.254.169.254' >/run/rig/resolv.conf
mount --bind /run/rig/resolv.conf "$resolver_file"

ip link set lo up
ip netns add internet
ip link add up0 type veth peer name wire netns internet
ip address add 10.128.0.2/24 dev up0
ip -6 address add 2001:db8:1::2/64 dev up0 nodad
ip link set up0 up
ip -n internet -batch - <<'EOF'
link set lo up
address add 10.128.0.1/24 dev wire
address add 2001:db8:1::1/64 dev wire nodad
link set wire up
address add 1.2.3.4/32 dev lo
address add 169.254.169.254/32 dev lo
address add 10.200.0.5/32 dev lo
address add 172.20.0.5/32 dev lo
address add 100.64.0.5/32 dev lo
EOF
ip route add default via 10.128.0.1
ip -6 route add default via 2001:db8:1::1

nsenter --net=/run/netns/internet node "$here/internet.ts" /run/rig/ready >/run/rig/internet.log 2>&1 </dev/null &
internet=$!
until [ -e /run/rig/ready ]; do
  if ! kill -0 "$internet" 2>/dev/null; then
    cat /run/rig/internet.log >&2
    exit 1
  fi
  sleep 0.05
done

code=0
"$@" || code=$?
exit "$code"
