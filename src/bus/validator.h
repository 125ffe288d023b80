/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Checks policy documents beside the event loop, one at a time, each in a thread of its own: a document that takes
 * long holds up nobody but those who have one checked. */

#include <systemd/sd-event.h>

#include "basic/fault.h"
#include "basic/macro.h"

typedef struct Validator Validator;

#define VALIDATOR_MAX 8 /* running and waiting; one for each user but root */

/* manager_validate() */
typedef int (*validator_check_fn)(const char *text, size_t size, FaultList *faults);
/* From the loop, once for each validator_submit() that succeeded, perhaps before that returns. r: what the check
 * returned, with its faults; -ECANCELED: nobody waits for it. The text is not used any more. */
typedef void (*validator_fn)(int r, const FaultList *faults, void *userdata);

int validator_new(sd_event *event, validator_check_fn check, Validator **ret);
/* Waits for the check that runs. */
Validator *validator_free(Validator *v);
/* text is borrowed until fn is called. -EBUSY: one of this user's runs or waits; -ENOBUFS: too many. */
int validator_submit(Validator *v, uint32_t uid, const char *text, size_t size, validator_fn fn, void *userdata);
/* Nobody waits for the results of those submitted so far. Those that have not begun end here. */
void validator_cancel(Validator *v);
size_t validator_n(const Validator *v);

DEFINE_CLEANUP_FUNC(Validator *, validator_free)
