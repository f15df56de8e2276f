/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values with edges: integers, floats of three sizes, text.
 */
#ifndef TESTS_SILICON_VALUES_H
#define TESTS_SILICON_VALUES_H

#include "tests/silicon/silicon.h"

enum { KIND_ANY, KIND_F32, KIND_F64, KIND_INT, KIND_TEXT, KIND_F80, KIND_BCD, KINDS };

u64 value64(struct sil_rng *g);
u32 value_f32(struct sil_rng *g);
u64 value_f64(struct sil_rng *g);
/* Eight bytes. */
void fill_value(struct sil_rng *g, u32 kind, u8 *p);
/* Ten bytes, then six zeros. */
void fill_f80(struct sil_rng *g, u8 *p);

#endif
