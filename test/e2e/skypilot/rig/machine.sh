#!/usr/bin/env bash
# Runs the machine of one EC2 instance until it is ended: machine.sh NODE FOLDER ID PRIVATE_ADDRESS PUBLIC_ADDRESS
# It is a chroot with processes and a network of its own, which is reached at both addresses. What it writes stays in FOLDER.
set -euo pipefail
[ "$1" = inside ] || {
  node=$1 folder=$2 id=$3 private=$4 public=$5
  mkdir -p "$folder/upper" "$folder/work" "$folder/disk"
  # What the machine left when it ran before.
  link=m${id: -12}
  ip link delete "$link" 2>/dev/null || true
  umount "$folder/network" 2>/dev/null || true
  : >"$folder/network"

  unshare --net="$folder/network" ip link set lo up
  ip link add "$link" type veth peer name eth0 netns "$folder/network"
  ip address add 169.254.1.1/32 dev "$link"
  ip link set "$link" up
  for address in "$private" "$public"; do
    nsenter --net="$folder/network" ip address add "$address/32" dev eth0
    ip route add "$address/32" dev "$link"
  done
  nsenter --net="$folder/network" ip link set eth0 up
  nsenter --net="$folder/network" ip route add 169.254.1.1/32 dev eth0
  nsenter --net="$folder/network" ip route add default via 169.254.1.1 dev eth0 src "$private"
  exec setpriv --pdeathsig KILL nsenter --net="$folder/network" \
    unshare --mount --pid --fork --kill-child --uts "$0" inside "$node" "$folder" "ip-${private//./-}"
}

node=$2 folder=$3 name=$4
disk=$folder/disk
# Where the kernel has no overlay, it costs a copy.
mount -t overlay machine -o "lowerdir=$node,upperdir=$folder/upper,workdir=$folder/work" "$disk" ||
  [ -e "$disk/usr" ] || cp -a --reflink=auto "$node/." "$disk/"
mount -t proc proc "$disk/proc"
mount -t sysfs -o ro sysfs "$disk/sys"
mount -t tmpfs -o mode=0755 dev "$disk/dev"
for device in null zero full random urandom tty; do
  : >"$disk/dev/$device"
  mount --bind "/dev/$device" "$disk/dev/$device"
done
mkdir -p "$disk/dev/pts" "$disk/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$disk/dev/pts"
ln -s pts/ptmx "$disk/dev/ptmx"
ln -s /proc/self/fd "$disk/dev/fd"
mount -t tmpfs -o mode=1777 shm "$disk/dev/shm"
mount -t tmpfs -o mode=0755 run "$disk/run"
mkdir "$disk/run/sshd" "$disk/run/lock"
hostname "$name"
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$disk/etc/hosts"
echo "$name" >"$disk/etc/hostname"
# The role of a real machine lets it stop itself; moto plays the metadata service, too, from which it has that.
printf '%s\n' AWS_ENDPOINT_URL=http://169.254.1.1:5555 AWS_EC2_METADATA_SERVICE_ENDPOINT=http://169.254.1.1:5555/ \
  >"$disk/etc/environment"
[ ! -e "$folder/authorized_keys" ] ||
  install -D -o 1000 -g 1000 -m 0600 "$folder/authorized_keys" "$disk/home/ubuntu/.ssh/authorized_keys"
chown 1000:1000 "$disk/home/ubuntu/.ssh"
cd /
exec chroot "$disk" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  bash -c 'ssh-keygen -A >/dev/null; /usr/sbin/sshd; sleep infinity & wait'
