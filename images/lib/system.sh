# Debian's part of an image: the system with its packages, the learner, Node and the kernel. Sourced by images/build.

suite=bookworm
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# How many of these are kept for the next builds.
KEPT_SYSTEMS=3

in_system() {
  chroot "$tree" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" PYTHONHASHSEED=0 \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
}

# make_system ARCHIVE: where it is not there yet.
make_system() {
  local archive=$1
  if [ $refresh = no ] && [ -e "$archive" ]; then
    touch "$archive"
    return
  fi
  say "Installing Debian and its packages for the image (about two minutes)"
  tree=$work/system
  mkdir "$tree"
  # In memory: faster, and it is gone when this process is.
  mount -t tmpfs -o mode=0755,size=80% system "$tree"
  step 'installing Debian' install_debian
  step 'installing the packages' install_packages
  step 'taking the kernel' take_kernel
  step 'making the learner' make_learner
  install -m 0755 "$node" "$tree/usr/local/bin/node"
  [ -z "$setup" ] || step "the setup script $setup" run_setup
  step 'cleaning up' clean_system
  step 'packing the system' pack_system "$archive"
  umount "$tree"
  # shellcheck disable=SC2012 # Names of ours.
  ls -t "$cache"/system-*.tar | tail -n +$((KEPT_SYSTEMS + 1)) | xargs -r rm -f
}

install_debian() {
  debootstrap --variant=minbase --keyring="$keyring" "$suite" "$tree"
  # The same place has the updates.
  sed -i "p; s#/debian $suite main#/debian-security $suite-security main#" "$tree/etc/apt/sources.list"
  sed -i "1{p; s#/debian $suite main#/debian $suite-updates main#}" "$tree/etc/apt/sources.list"
  cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
  # Nothing is started while packages are installed.
  printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
  chmod 0755 "$tree/usr/sbin/policy-rc.d"
  mount -t proc proc "$tree/proc"
}

install_packages() {
  local names
  mapfile -t names < <(list_packages)
  in_system apt-get update -q
  in_system apt-get upgrade -y -q --no-install-recommends
  in_system apt-get install -y -q --no-install-recommends "${names[@]}"
}

# Unpacked, not installed: a seat has nothing to boot from, and needs neither GRUB nor an initramfs of Debian's.
take_kernel() {
  local package release
  package=$(in_system apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-.*\)$/\1/p')
  mkdir -p "$tree/kernel/files"
  in_system sh -c "cd /kernel && apt-get download -q -o APT::Sandbox::User=root $package && dpkg-deb -x ./*.deb files"
  release=$(ls "$tree/kernel/files/lib/modules")
  mkdir -p "$tree/usr/lib/modules" "$tree/boot"
  mv "$tree/kernel/files/lib/modules/$release" "$tree/usr/lib/modules/"
  mv "$tree/kernel/files/boot/vmlinuz-$release" "$tree/boot/vmlinuz"
  rm -r "$tree/kernel"
  in_system depmod "$release"
}

# Learners are administrators of their seat. Their home is the workspace, as in seats that are processes.
make_learner() {
  in_system groupadd --gid 1000 learner
  in_system useradd --uid 1000 --gid 1000 --home-dir /workspace --no-create-home --shell /bin/bash learner
  # No password, but not locked either, or sshd lets nobody in.
  in_system usermod --password '*' learner
}

run_setup() {
  install -m 0755 "$setup" "$tree/carapace-setup"
  in_system /carapace-setup
  rm "$tree/carapace-setup"
}

# What differs from build to build, or is of no use in a seat.
clean_system() {
  umount "$tree/proc"
  cd "$tree"
  rm -rf usr/sbin/policy-rc.d etc/resolv.conf etc/hostname etc/.pwd.lock etc/{passwd,shadow,group,gshadow,subuid,subgid}- \
    etc/ssh/ssh_host_* root/.cache root/.bash_history run/* tmp/* var/tmp/* var/log/* var/cache/* var/backups/* \
    var/lib/apt/lists/* var/lib/dpkg/*-old var/lib/systemd usr/share/{doc,info,locale,man}/*
  : >etc/machine-id
  # The day on which a password was set.
  sed -i "s/^\([^:]*:[^:]*\):[0-9]*:/\1:$((SOURCE_DATE_EPOCH / 86400)):/" etc/shadow
  set_times .
  # With the times that their sources have from now on.
  find usr/lib/python3* usr/share -name __pycache__ -prune -exec rm -rf {} +
  in_system python3 -m compileall -q -j 1 /usr/lib/python3 /usr/lib/python3.11 || true
  rm -rf tmp/* var/tmp/*
}

# No file is younger than the epoch.
set_times() { find "$1" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

pack_system() {
  tar --create --file "$1.new" --directory "$tree" --sort=name --numeric-owner --xattrs --xattrs-include='security.*' \
    --mtime="@$SOURCE_DATE_EPOCH" --clamp-mtime .
  mv "$1.new" "$1"
}
