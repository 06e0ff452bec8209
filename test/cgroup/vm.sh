#!/usr/bin/env bash
# Runs a command in a small virtual machine whose kernel has only cgroup v2: for tests that need a control group of their own,
# on a machine that delegates none. The machine sees the files of this one; what it writes is gone at its end. No network.
#
#   test/cgroup/vm.sh npx vitest run --project unit test/unit/core/handlers/cgroup
#
# Needs the packages qemu-system-x86 and busybox-static, and a kernel with its modules: /boot and /lib/modules of this machine,
# or AFD_VM_KERNEL, a folder with boot and lib/modules in it, such as an unpacked package:
#
#   apt-get download "$(apt-cache depends linux-image-amd64 | awk '/Depends/ { print $2; exit }')"
#   dpkg -x linux-image-*.deb kernel && export AFD_VM_KERNEL=$PWD/kernel
#
# AFD_VM_MB: its memory (3072). Ends with the exit code of the command. Without a usable /dev/kvm it is about 20 times slower.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2,16s/^# \{0,1\}//p' "$0"; exit 2; }
kernel=${AFD_VM_KERNEL:-}
image=$(find "$kernel/boot" -maxdepth 1 -name 'vmlinuz-*' | sort -V | tail -1)
modules=$kernel/lib/modules/${image##*/vmlinuz-}/kernel
[ -r "$image" ] && [ -d "$modules" ] || { echo "no kernel with modules in ${kernel:-/}: set AFD_VM_KERNEL" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Each after those that it needs. What is not there is built in.
wanted='virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci netfs fscache 9pnet 9pnet_virtio 9p overlay'
mkdir -p "$scratch"/files/{bin,modules,host,upper,all}
cp "$(command -v busybox)" "$scratch/files/bin/busybox"
for name in $wanted; do
  find "$modules" -name "$name.ko" -exec cp {} "$scratch/files/modules/" \;
done
printf '%q ' "$@" >"$scratch/files/command"
pwd >"$scratch/files/folder"
cat >"$scratch/files/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
for name in $wanted; do [ ! -e /modules/\$name.ko ] || insmod /modules/\$name.ko; done
mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 host /host || poweroff -f
mount -t tmpfs -o size=90% upper /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/host,upperdir=/upper/files,workdir=/upper/work overlay /all || poweroff -f
mount -t proc proc /all/proc
mount -t sysfs sysfs /all/sys
mount -t devtmpfs dev /all/dev
mkdir -p /all/dev/shm /all/dev/pts
mount -t tmpfs shm /all/dev/shm
mount -t devpts pts /all/dev/pts
mount -t cgroup2 cgroup2 /all/sys/fs/cgroup
echo +memory >/all/sys/fs/cgroup/cgroup.subtree_control
mkdir -p /all/sys/fs/cgroup/vm/afd-worker
ip link set lo up
{ cat /folder; } >/all/tmp/.vm-folder
cp /command /all/tmp/.vm-command
cat >/all/tmp/.vm-run <<'RUN'
echo \$\$ >/sys/fs/cgroup/vm/afd-worker/cgroup.procs
cd "\$(cat /tmp/.vm-folder)" && export HOME=/tmp PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin
eval "exec \$(cat /tmp/.vm-command)"
RUN
# In a leaf, so that the group above it may be given to those beside it.
chroot /all /bin/bash /tmp/.vm-run </all/dev/null
echo "vm-exit-code \$?"
poweroff -f
INIT
chmod +x "$scratch/files/init"
(cd "$scratch/files" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$scratch/initramfs"

machine=(-accel tcg,thread=multi -cpu max)
if [ -w /dev/kvm ] && grep -qE 'vmx|svm' /proc/cpuinfo; then machine=(-accel kvm -cpu host); fi
qemu-system-x86_64 "${machine[@]}" -smp 2 -m "${AFD_VM_MB:-3072}" -nographic -no-reboot -nic none \
  -kernel "$image" -initrd "$scratch/initramfs" -append 'console=ttyS0 quiet panic=-1 cgroup_no_v1=all' \
  -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap </dev/null |
  tee "$scratch/output" | sed -u '/^vm-exit-code /d'
code=$(sed -n 's/^vm-exit-code \([0-9]*\).*/\1/p' "$scratch/output" | tail -1)
exit "${code:-1}"
