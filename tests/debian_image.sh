#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# debian_image.sh DIR: a Debian 12 root disk of its own packages, in DIR: disk.raw (ext4, the whole disk), and the kernel and
# RAM disk out of its /boot, where GRUB for Xen finds a menu of two entries. root's password is "paravane", and the key DIR/key opens its sshd. Made once: what is there
# already and not older than this script is kept. Needs root, mmdebstrap, and the mirror that apt uses. Exit code 77: it cannot be made here.
set -eu
[ $# = 1 ] || { echo "usage: $0 DIR" >&2; exit 1; }
mkdir -p "$1"
[ -z "$(find "$1/made" -newer "$0" 2>/dev/null)" ] || exit 0
cd "$1"
for tool in mmdebstrap mke2fs ssh-keygen; do
	command -v $tool >/dev/null 2>&1 && continue
	echo "there is no $tool here: install Debian's mmdebstrap, e2fsprogs and openssh-client" >&2
	exit 77
done
[ "$(id -u)" = 0 ] || { echo "a root disk is made by root only" >&2; exit 77; }
# A run that was killed may have left mounts of the host in there.
rm -rf --one-file-system root disk.raw key key.pub made
ssh-keygen -q -t ed25519 -N '' -C test -f key
# What no PV guest has a use for makes the disk small and quick to make. (Told to dpkg when it is there: mmdebstrap itself, which
# unpacks the first packages, takes minutes to leave out something.)
{
	for d in gpu media net/wireless net/ethernet infiniband staging scsi iio usb hid input mtd isdn comedi video hwmon platform target; do
		echo "path-exclude=/lib/modules/*/kernel/drivers/$d/*"
	done
	echo 'path-exclude=/lib/modules/*/kernel/sound/*'
	for d in doc man locale info lintian; do
		echo "path-exclude=/usr/share/$d/*"
	done
} >without
# Two packages would make the RAM disk, each anew. It is made once, below, and of the modules of this machine.
# shellcheck disable=SC2016
mmdebstrap --quiet --mode=root --variant=minbase --dpkgopt=force-unsafe-io --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	--include=systemd-sysv,udev,linux-image-amd64,initramfs-tools,iproute2,iputils-ping,openssh-server,wget,e2fsprogs \
	--aptopt='Acquire::Languages "none"' \
	--essential-hook='cp without "$1/etc/dpkg/dpkg.cfg.d/without"' \
	--essential-hook='chroot "$1" dpkg-divert --quiet --local --rename --add /usr/sbin/update-initramfs && ln -s /bin/true "$1/usr/sbin/update-initramfs"' \
	--customize-hook='echo root:paravane | chroot "$1" chpasswd' \
	--customize-hook='mkdir -p "$1/root/.ssh"; cat key.pub >"$1/root/.ssh/authorized_keys"' \
	--customize-hook='rm "$1/usr/sbin/update-initramfs" && chroot "$1" dpkg-divert --quiet --local --rename --remove /usr/sbin/update-initramfs' \
	--customize-hook='printf "COMPRESS=gzip\nMODULES=list\n" >"$1/etc/initramfs-tools/conf.d/test"; printf "xen-blkfront\next4\n" >>"$1/etc/initramfs-tools/modules"' \
	--customize-hook='chroot "$1" update-initramfs -c -k all' \
	bookworm root
echo '/dev/xvda / ext4 errors=remount-ro 0 1' >root/etc/fstab
echo paravane >root/etc/hostname
printf '[Match]\nType=ether\n[Network]\nDHCP=yes\n' >root/etc/systemd/network/80-dhcp.network
chroot root systemctl -q enable systemd-networkd
cp root/boot/vmlinuz-* vmlinuz
cp root/boot/initrd.img-* initrd.img
uuid=6b8c7f1e-2a53-4f0e-9d7b-41c5a0e3f2d8
# Two entries in grub-mkconfig's manner: the second tells of itself on the kernel's command line.
mkdir -p root/boot/grub
{
	echo 'set default=0
set timeout=60
terminal_output console'
	for entry in first second; do
		echo "menuentry 'Debian GNU/Linux, the $entry entry' --class debian --class gnu-linux --class os {
	if [ x\$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	insmod ext2
	search --no-floppy --fs-uuid --set=root $uuid
	echo 'Loading Linux ...'
	linux /boot/$(basename root/boot/vmlinuz-*) root=/dev/xvda ro console=hvc0 quiet systemd.show_status=0 entry=$entry
	echo 'Loading initial ramdisk ...'
	initrd /boot/$(basename root/boot/initrd.img-*)
}"
	done
} >root/boot/grub/grub.cfg
mke2fs -q -F -t ext4 -L root -U $uuid -d root disk.raw 1G
rm -rf --one-file-system root without
touch made
