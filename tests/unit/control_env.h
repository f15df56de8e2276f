/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A paravirtual domain without a kernel, but with a xenstore and a guest as the monitor knows it, for tests of both.
 */
#ifndef TESTS_UNIT_CONTROL_ENV_H
#define TESTS_UNIT_CONTROL_ENV_H

#include "base/node.h"
#include "guest/guest.h"
#include "tests/unit/pv_env.h"
#include "xen/control.h"
#include "xen/store/xenstore.h"

#define CONTROL_HOME "/local/domain/7/"

struct control_env {
	struct env *e;
	struct guest guest;
	struct node *node;
};

static inline struct control_env *control_new(void)
{
	struct xenstore_config cfg = { "test", 1 << 20, 2 << 20, 2, ENV_VCPUS };
	struct control_env *c = calloc(1, sizeof *c);

	ck_assert_ptr_nonnull(c);
	c->e = env_new();
	c->e->pv.xen.s.console_mfn = ENV_MFN(2);
	c->e->pv.xen.s.store_mfn = ENV_MFN(3);
	ck_assert_int_eq(xs_domain_init(&c->e->pv.xen), 0);
	ck_assert_int_eq(xs_domain_start(&c->e->pv.xen, &cfg), 0);
	ck_assert_int_eq(xen_control_init(&c->e->pv.xen), 0);
	c->node = node_new("test");
	c->guest.host = &c->e->host;
	c->guest.node = c->node;
	c->guest.d = c->e->d;
	return c;
}

static inline void control_free(struct control_env *c)
{
	xs_domain_free(&c->e->pv.xen);
	env_free(c->e);
	node_free(c->node);
	free(c);
}

/* The guest's node of that name, "" when there is none. */
static inline const char *control_node(struct control_env *c, const char *name)
{
	char path[128];
	const char *v;

	snprintf(path, sizeof path, CONTROL_HOME "%s", name);
	v = xs_read(c->e->pv.xen.store, path, NULL);
	return v ? v : "";
}

static inline void control_open_door(struct control_env *c)
{
	door_open(&c->e->d->door, domain_icount(c->e->d), domain_now(c->e->d));
}

#endif
