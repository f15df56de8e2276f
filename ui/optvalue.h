/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handlers of options whose values have a grammar: lists of key=value, sizes, dates. For ui/options.c only.
 */
#ifndef UI_OPTVALUE_H
#define UI_OPTVALUE_H

#include "ui/options.h"

/* Each as struct option_row's handle: 0, OPTIONS_DONE after printing a list, or -errno with a sentence. */
int value_machine(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_memory(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_smp(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_cpu(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_accel(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_icount(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_rtc(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_timeout(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_serial(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_monitor(struct options *o, const struct option_row *row, const char *value, struct error *e);
/* In ui/optaction.c. */
int value_action(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_uuid(struct options *o, const struct option_row *row, const char *value, struct error *e);
/* In ui/optchardev.c. */
int value_chardev(struct options *o, const struct option_row *row, const char *value, struct error *e);
/* Puts devices in place of chardev:ID when all options are known. 0 or -errno with a sentence. */
int value_finish_chardevs(struct options *o, struct error *e);
/* In ui/sandbox.c. */
int value_sandbox(struct options *o, const struct option_row *row, const char *value, struct error *e);
/* In ui/optunknown.c: -EINVAL with a sentence about an option, as typed and without its dashes, that is not in the table. */
int option_unknown(const char *arg, const char *name, struct error *e);
/* In ui/optdisplay.c. */
int value_display(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_vnc(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_full_screen(struct options *o, const struct option_row *row, const char *value, struct error *e);
int value_keymap(struct options *o, const struct option_row *row, const char *value, struct error *e);
/* What holds for screens when all options are known. 0 or -errno with a sentence. */
int value_finish_display(struct options *o, struct error *e);

#endif
