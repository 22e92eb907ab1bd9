# The files of an image, from Debian's part and ours. Sourced by images/build.

# Of the file system: it is read-only, and the same in all machines.
uuid=ca4a9ace-0000-4000-8000-000000000001

# make_image ARCHIVE: into $output, the manifest last.
make_image() {
  tree=$work/tree
  mkdir "$tree" "$work/files"
  # The order of files in a folder is part of the result; here it follows from the order in which they are made.
  mount -t tmpfs -o mode=0755,size=80%,noatime tree "$tree"
  step 'unpacking the system' tar --extract --file "$1" --directory "$tree" --numeric-owner --xattrs --xattrs-include='*'
  release=$(ls "$tree/usr/lib/modules")
  mv "$tree/boot/vmlinuz" "$work/files/vmlinuz"
  step 'putting our files into the system' add_our_files
  step 'making the initramfs' make_initramfs "$work/files/initramfs"
  step 'making the file system' make_rootfs "$work/files/rootfs"
  write_manifest "$work/manifest.json"
  umount "$tree"
  step 'putting the image in its place' place_files
}

# put MODE FILE TARGET
put() { install -D -m "$1" "$2" "$tree/$3"; }

add_our_files() {
  local file mode
  while read -r file; do
    mode=0644
    [ ! -x "$here/rootfs/$file" ] || mode=0755
    case $file in etc/sudoers.d/*) mode=0440 ;; esac
    put $mode "$here/rootfs/$file" "$file"
  done < <(cd "$here/rootfs" && find . -type f -printf '%P\n' | sort)
  put 0644 "$work/server/workspace.cjs" usr/lib/carapace/workspace.cjs
  while read -r file; do
    put 0644 "$work/server/node_modules/$file" "usr/lib/carapace/node_modules/$file"
  done < <(cd "$work/server/node_modules" && find . -type f -printf '%P\n' | sort)
  rm -f "$tree/etc/skel/.bash_logout"
  ln -sfn /bin/busybox "$tree/usr/sbin/init"
  # With the first files of the skeleton, and the learner's alone.
  cp -R "$tree/etc/skel" "$tree/workspace"
  chmod 0700 "$tree/workspace"
  chown -R 1000:1000 "$tree/workspace"
  set_times "$tree"
  in_system python3 -m compileall -q /usr/lib/carapace/seat_init
  set_times "$tree"
}

# The kernel's modules in the order in which they are loaded, by their paths.
list_modules() {
  local name
  while read -r name; do
    in_system modprobe --set-version "$release" --show-depends "$name"
  done < <(grep -v '^#' "$here/initramfs/modules") | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

make_initramfs() {
  local path folder=$work/initramfs
  mkdir -p "$folder/bin" "$folder/lib/modules"
  install -m 0755 "$tree/usr/bin/busybox" "$folder/bin/busybox"
  install -m 0755 "$here/initramfs/init" "$folder/init"
  list_modules >"$work/modules"
  while read -r path; do
    cp "$tree$path" "$folder/lib/modules/"
    basename "$path"
  done <"$work/modules" >"$folder/lib/modules/order"
  find "$folder" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  (cd "$folder" && find . | sort | cpio --create --format=newc --reproducible --owner=0:0 --quiet) | gzip -9n >"$1"
}

# By the system's own mkfs, so that the builder's makes no difference. It takes over when its sources were last changed,
# which nobody can choose: that is corrected afterwards.
make_rootfs() {
  local file=$1 inodes megabytes number field
  inodes=$(($(find "$tree" | wc -l) + 64))
  megabytes=$(($(du -s --block-size=1M "$tree" | cut -f 1) * 108 / 100 + 32))
  truncate -s "${megabytes}M" "$file"
  in_build mkfs.ext4 -q -F -O ^has_journal,^resize_inode -m 0 -N "$inodes" -U "$uuid" \
    -E "hash_seed=$uuid,lazy_itable_init=0,nodiscard,root_owner=0:0" -d "$tree" "$file"
  inodes=$(in_build dumpe2fs -h "$file" 2>/dev/null | sed -n 's/^Inode count: *//p')
  for ((number = 11; number <= inodes; number++)); do
    for field in atime ctime crtime; do
      echo "set_inode_field <$number> $field @$SOURCE_DATE_EPOCH"
    done
  done >"$work/times"
  in_build debugfs -w -f "$work/times" "$file" >/dev/null 2>&1
  in_build e2fsck -fn "$file"
}

# The system's programs on the builder's files.
in_build() {
  MKE2FS_CONFIG=$tree/etc/mke2fs.conf E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH \
    "$tree/usr/lib64/ld-linux-x86-64.so.2" --library-path "$tree/usr/lib/x86_64-linux-gnu" "$tree/usr/sbin/$1" "${@:2}"
}

checksum() { sha256sum "$1" | cut -d ' ' -f 1; }

# file_entry KEY FILE ENDING: named after its content, so that the files of two images never mix.
file_entry() {
  local sum
  sum=$(checksum "$work/files/$2")
  mv "$work/files/$2" "$work/files/$2-${sum:0:12}$3"
  printf '  "%s": { "name": "%s", "bytes": %s, "sha256": "%s" },\n' \
    "$1" "$2-${sum:0:12}$3" "$(stat -c %s "$work/files/$2-${sum:0:12}$3")" "$sum"
}

# The form is src/protocol/image.ts.
write_manifest() {
  local entries packages
  entries=$(
    file_entry kernel vmlinuz ''
    file_entry initramfs initramfs .cpio.gz
    file_entry rootfs rootfs .ext4
  )
  # shellcheck disable=SC2016 # For dpkg-query.
  packages=$(in_system dpkg-query -W -f '    "${Package} ${Version}",\n' | sort)
  cat >"$1" <<END
{
  "format": 1,
  "id": "$(sha256sum <<<"$entries" | cut -c 1-16)",
  "version": "$version",
  "built_at": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
$entries
  "kernel_release": "$release",
  "debian": "$(cat "$tree/etc/debian_version")",
  "node": "$(in_system node --version | tr -d v)",
  "packages": [
${packages%,}
  ]
}
END
}

# Until the manifest is replaced, in one step, the earlier image is the one that counts; then its files go.
place_files() {
  local file
  for file in "$work/files"/*; do
    chmod 0644 "$file"
    sync "$file"
    mv "$file" "$output/"
  done
  sync "$work/manifest.json"
  mv "$work/manifest.json" "$output/manifest.json"
  sync "$output"
  for file in "$output"/{vmlinuz,initramfs,rootfs}*; do
    grep -q "\"$(basename "$file")\"" "$output/manifest.json" || rm -f "$file"
  done
}
