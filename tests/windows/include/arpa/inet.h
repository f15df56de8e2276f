/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows has none: see tests/windows/posix.h. */
#include "tests/windows/posix.h"
