/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Decides which policies judge an actor: asks the policy set, and sets the chain of layers in the kernel. Nothing
 * else does this. */

#include "daemon/actors.h"
#include "daemon/follow.h"
#include "daemon/grants.h"
#include "daemon/jobs.h"
#include "daemon/policies.h"

typedef struct Assign Assign;

/* All arguments are borrowed. */
int assign_new(const Context *c, const Policies *policies, const Jobs *jobs, const Grants *grants, Actors *actors,
               const Follow *follow, Assign **ret);
Assign *assign_free(Assign *a);
DEFINE_CLEANUP_FUNC(Assign *, assign_free)

/* Call when a cgroup appears, and when anything known about it changes. Negative if the kernel's map is full, which
 * is logged: its traffic is then denied. */
int assign_actor(Assign *a, const char *path, uint64_t id, bool is_slice);
void assign_all(Assign *a);
/* For the cgroup of a job that ended or whose grants changed, including released cgroups of the same path. -ENXIO:
 * it is not followed. */
int assign_job(Assign *a, const Job *job);
/* The same for a job that begins: the unit's open connections continue if the job's document also allows them. */
int assign_new_job(Assign *a, const Job *job);

/* For engine_client_fn; userdata: the Assign. */
bool assign_client(const EngineClient *client, uint32_t *chain, void *userdata);

/* Calls fn for each followed cgroup that the kernel judges by the layer now; the path is valid during the call. */
void assign_for_each_in(Assign *a, const Layer *layer, void (*fn)(const char *path, void *userdata), void *userdata);
/* Is a process of this cgroup judged by the layer of this name? */
bool assign_judges(const Assign *a, const char *path, const char *layer);
/* The document that restricts a job; NULL if none does. */
const Document *assign_restriction(const Assign *a, const Job *job);
/* Does any policy judge the job? */
bool assign_is_judged(const Assign *a, const Job *job);
