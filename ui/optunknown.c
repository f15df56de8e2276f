/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sentences about options that do not exist: for QEMU's what to do instead, for a mistyped one the nearest name.
 */
#include <errno.h>
#include <string.h>

#include "base/nearest.h"
#include "ui/optvalue.h"

struct missing {
	const char *names; /* between blanks */
	const char *way;
};

static const struct missing qemus[] = {
	{ " gdb s ", "there is no gdb stub yet: look inside with -d and a monitor's x, xp and info registers" },
	{ " qmp qmp-pretty ", "use -monitor unix:PATH,server=on,wait=off, which takes HMP's words" },
	{ " mon ", "name the device in the option: -monitor chardev:ID" },
	{ " vga ", "a Xen guest's screen is a paravirtual framebuffer: use -display or -vnc" },
	{ " usb usbdevice ", "there is no USB: a guest with a screen has a keyboard and a pointer" },
	{ " dtb kernel-dtb ", "there are no boards with device trees: leave it out" },
	{ " enable-kvm xen-attach xen-domid xen-domid-restrict enable-hax ", "no hypervisor of the host is used or needed: leave it out" },
	{ " boot ", "a guest boots -kernel, or its first disk by the boot loader: leave it out" },
	{ " nodefaults nodefconfig no-user-config ", "there are no devices but those asked for: leave it out" },
	{ " fda fdb floppya floppyb sd mtdblock pflash ", "a Xen guest has xen disks: use -hda, -cdrom or -drive" },
	{ " blockdev iscsi ", "use -drive file=FILE" },
	{ " virtfs fsdev ", "there is no shared folder: use a disk or the network" },
	{ " audiodev audio audio-help soundhw ", "there is no sound: leave it out" },
	{ " parallel debugcon virtioconsole ", "a guest has one console: use -serial" },
	{ " smbios acpitable no-acpi no-hpet no-fd-bootchk fw_cfg tpmdev option-rom L ", "a Xen PV guest has no firmware: leave it out" },
	{ " only-migratable snapshot-load ", "snapshots are loaded with -loadvm TAG or -incoming file:PATH" },
	{ " mem-path mem-prealloc numa overcommit realtime mlock ", "memory is taken as the guest uses it: leave it out" },
	{ " global set readconfig writeconfig compat ", "say it with the option itself, as in -drive file=FILE" },
	{ " runas chroot ", "use setpriv, chroot or a container of the host around the program" },
	{ " spice sdl curses ", "use -display sdl, -vnc, or -nographic" },
	{ " redir smb tftp bootp ", "use properties of -nic user, such as hostfwd= and tftp=" },
	{ " watchdog watchdog-action ", "a Xen guest has Xen's watchdog, which it starts itself: leave it out" },
	{ " trace plugin dump msg ", "use -d, with -dfilter and -D" },
	{ " echr semihosting semihosting-config prom-env old-param preconfig add-fd no-quit alt-grab ctrl-grab show-cursor g win2k-hack "
	  "tb-size async-teardown run-with ",
	  "leave it out" },
};

int option_unknown(const char *arg, const char *name, struct error *e)
{
	char word[80];
	const char *near;
	size_t i;

	snprintf(word, sizeof word, " %.70s ", name);
	for (i = 0; i < ARRAY_SIZE(qemus) && *name && !strchr(name, ' '); i++)
		if (strstr(qemus[i].names, word))
			return error_set(e, -EINVAL, "%.80s: this option of QEMU's is not supported: %s", arg, qemus[i].way);
	near = options_nearest(name);
	if (near)
		return error_set(e, -EINVAL, "%.80s: there is no such option: did you mean -%s? (-h lists all)", arg, near);
	return error_set(e, -EINVAL, "%.80s: there is no such option: -h lists those there are", arg);
}
