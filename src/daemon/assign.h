/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which policies judge an actor: asks the policy set, and sets the chain of its layers in the kernel. Nothing else decides
 * this. */

#include "daemon/actors.h"
#include "daemon/grants.h"
#include "daemon/jobs.h"
#include "daemon/policies.h"

typedef struct Assign Assign;

/* All borrowed. */
int assign_new(const Context *c, const Policies *policies, const Jobs *jobs, const Grants *grants, Actors *actors,
               Assign **ret);
Assign *assign_free(Assign *a);
DEFINE_CLEANUP_FUNC(Assign *, assign_free)

/* As things are now: when it appears, and when what is known of it changes. Negative where the kernel has no room,
 * which is logged: it is shut off then. */
int assign_actor(Assign *a, const char *path, uint64_t id, bool is_slice);
void assign_all(Assign *a);
/* The cgroup of a job that ended, or whose grants changed; with what is left of earlier ones at its path. -ENXIO: it is
 * not followed. */
int assign_job(Assign *a, const Job *job);
/* The same for one that begins: what its unit has open continues where the document for the job allows it as well. */
int assign_new_job(Assign *a, const Job *job);

/* For engine_client_fn; userdata: the Assign. */
bool assign_client(const EngineClient *client, uint32_t *chain, void *userdata);

/* The kernel judges this cgroup by the layer now. */
bool assign_is_in(const Assign *a, uint64_t id, const Layer *layer);
/* A process of this cgroup is judged by the layer of this name. */
bool assign_judges(const Assign *a, const char *path, const char *layer);
/* The document that restricts a job; NULL: none. */
const Document *assign_restriction(const Assign *a, const Job *job);
/* Some policy judges what the job does. */
bool assign_is_judged(const Assign *a, const Job *job);
