/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nodes that define a guest, below /guests/NAME. Whoever wants a guest writes them (the command line, a monitor, a
 * file), and all that a guest is made of comes from them.
 *
 * NAME, the guest:
 *   machine           str   "xenpv", or "none": a bare processor
 *   memory            u64   bytes
 *   vcpus, maxvcpus   u64   at the start, and at most
 *   cpu               str   model and features, as x86_features_parse() takes them
 *   icount-shift      u64   an instruction takes 2^shift ns; absent: the default
 *   kernel, initrd    str   files
 *   cmdline           str   the kernel's
 *   bootloader        str   a file, instead of the kernel; neither: the host's GRUB for Xen
 *   bios              str   a flat image, for "none"
 *   serial0           str   where the console goes, as chardev_open() takes it, or "vc": to a screen alone
 *   xenstore          str   "unix:PATH": who may connect there
 *   clock-base        str   "utc", "localtime" or "fixed"
 *   clock-epoch       u64   of "fixed": s since 1970
 *   uuid              str   32 hexadecimal digits in groups
 *   on-reboot         str   "restart" or "destroy"
 *   on-poweroff       str   "destroy" or "preserve"
 *   on-crash          str   "destroy", "preserve", or "poweroff": as if it had powered off
 * Of its screen, for faces of the program:
 *   display           str   "sdl", "vnc" or "none"; absent: no screen
 *   vnc               str   as -vnc takes it
 *   keymap            str   as -k takes it
 *   full-screen, display-by-default, display-software   u64   1
 *   monitor0, monitor1, ...   str   devices of monitors, as chardev_open() takes them
 *
 * disks, with the flag snapshot: no disk is written. disks/ID, a drive:
 *   index             u64   0 is xvda
 *   file              str   absent: no medium
 *   format            str   "raw", "qcow2", ...; absent: looked up
 *   media             str   "disk" or "cdrom"
 *   cache             str   as block_cache_parse() takes it
 *   readonly, no-backing   flags
 *   snapshot          str   "on" or "off", whatever disks says
 *   backing-dir       str   the only folder in which images may name files
 *   reconnect-delay   u64   seconds
 *   said              str   what sentences about the drive begin with; absent: its name
 *
 * networks/ID:
 *   spec              str   as netdev_open() takes it, with id=ID
 *   option            str   what sentences about the network begin with, a blank at its end; absent: nothing
 * nics/ID, a card:
 *   unit              u64   the number of the vif
 *   netdev            str   the ID of a network; absent: plugged nowhere
 *   mac               str   absent: one is chosen
 * dumps/ID, of all frames of a network:
 *   netdev            str   the ID of the network
 *   file              str
 *   maxlen            u64   bytes of a frame; absent: 65536
 */
#ifndef GUEST_NODES_H
#define GUEST_NODES_H

#include "base/log.h"
#include "base/node.h"
#include "base/types.h"
#include "guest/words.h"

#define GUEST_MIN_MEMORY (1ull << 20) /* bytes */
#define GUEST_MAX_MEMORY (1ull << 40)
#define GUEST_MAX_SHIFT 10u
#define GUEST_MAX_VCPUS 64u
#define GUEST_MAX_CMDLINE 1023u         /* bytes; Xen public/xen.h MAX_GUEST_CMDLINE, less the zero */
#define GUEST_DEFAULT_EPOCH 1686355200u /* 2023-06-10T00:00:00Z, so that a run does not depend on when it is made */

/*
 * Whether these nodes make a guest: each property is known, of its kind and in its range, none is missing, and they go
 * together. Cards without an address get one. 0, or -errno with a sentence that names node and property.
 */
int guest_nodes_check(struct node *guest, const struct guest_words *w, struct error *e);
/*
 * The same for one node that is, or is to be, below kind: "disks", "networks", "nics", "dumps". Whether its networks
 * are there is not looked at.
 */
int guest_node_check(const struct node *n, const char *kind, struct error *e);
/*
 * The part of guest_nodes_check() for who writes nodes: what is there must go with the machine. 0, or -errno with a
 * sentence.
 */
int guest_machine_check(const struct node *guest, const struct guest_words *w, struct error *e);
/* The bytes of a UUID's text, from the left; all zero, and false, when it is none. */
bool guest_uuid_bytes(const char *text, u8 uuid[16]);

#endif
