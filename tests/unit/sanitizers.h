/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests are built with: gcc says it by macros of its own, clang by __has_feature.
 */
#ifndef TESTS_UNIT_SANITIZERS_H
#define TESTS_UNIT_SANITIZERS_H

#ifndef __has_feature
#define __has_feature(x) 0
#define SANITIZERS_NO_FEATURES
#endif

/* 1 where a sanitizer keeps a shadow of memory: it lies at addresses that are free in any other program. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
	__has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SHADOW_MEMORY 1
#else
#define SHADOW_MEMORY 0
#endif

#ifdef SANITIZERS_NO_FEATURES
#undef __has_feature
#undef SANITIZERS_NO_FEATURES
#endif

#endif
