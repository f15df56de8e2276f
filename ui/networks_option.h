/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of networks, and a monitor's words for the same, into nodes (guest/nodes.h): QEMU's -netdev, -nic, -net,
 * -device xen-net-device and -object filter-dump.
 */
#ifndef UI_NETWORKS_OPTION_H
#define UI_NETWORKS_OPTION_H

#include <stdio.h>

#include "base/log.h"
#include "base/node.h"

/*
 * One option of the command line ("netdev", "nic", "net" or "object"; also "device" with "xen-net-device,netdev=...")
 * into the guest's node. 0, 1 when help was printed to out, or -errno with a sentence.
 */
int networks_option(struct node *guest, const char *option, const char *value, FILE *out, struct error *e);

/*
 * The nodes of one network ("user,id=n0,..."), of one card ("netdev=,mac=,id=,model=", each optional; with a unit of
 * its own) and of one dump ("id=,netdev=,file=,maxlen="). said: what sentences begin with, an option with its dash or a
 * monitor's word. The node in *out (NULL is allowed). 0 or -errno with a sentence.
 */
int networks_option_network(struct node *guest, const char *said, const char *spec, struct node **out, struct error *e);
int networks_option_card(struct node *guest, const char *said, const char *spec, struct node **out, struct error *e);
int networks_option_dump(struct node *guest, const char *said, const char *spec, struct node **out, struct error *e);

#endif
