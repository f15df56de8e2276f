/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What both sides of a migration say to each other, behind the images.
 */
#ifndef SNAPSHOT_MIGRATE_IMPL_H
#define SNAPSHOT_MIGRATE_IMPL_H

#include "snapshot/migrate.h"

/* The answer: one of these, u32 length, a sentence of that many bytes; then, when the guest is there, what gives it up. */
#define ANSWER_BYTES 8u
#define ANSWER_THERE "PVMthere"
#define ANSWER_NOT "PVMfails"
#define ANSWER_TEXT_MAX 400u
#define GIVEN_UP "PVMgo-on"

#endif
