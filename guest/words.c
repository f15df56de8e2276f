/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words for a guest that no face has words for.
 */
#include "guest/words.h"

const struct guest_words guest_plain_words = {
	.network = " as networks/",
	.networks = "the guest has",
	.dump = "dump ",
};
