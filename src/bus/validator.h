/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Validates policy documents outside the event loop, one at a time, each in a thread of its own: a document that takes
 * long delays only other validations. */

#include <systemd/sd-event.h>

#include "basic/fault.h"
#include "basic/macro.h"

typedef struct Validator Validator;

#define VALIDATOR_MAX 8 /* running and waiting; one per user, except root */

/* for example service_validate() */
typedef int (*validator_check_fn)(const char *text, size_t size, FaultList *faults);
/* Called from the loop, once for each successful validator_submit(), possibly before that returns. r: the result of
 * the check, with its faults; -ECANCELED: the result is no longer wanted. The text is not used after this. */
typedef void (*validator_fn)(int r, const FaultList *faults, void *userdata);

int validator_new(sd_event *event, validator_check_fn check, Validator **ret);
/* Waits for the running check. */
Validator *validator_free(Validator *v);
/* text is borrowed until fn is called. -EBUSY: one of this user's is running or waiting; -ENOBUFS: too many. */
int validator_submit(Validator *v, uint32_t uid, const char *text, size_t size, validator_fn fn, void *userdata);
/* Discards the results of all submitted checks. Those that have not started are ended here. */
void validator_cancel(Validator *v);

DEFINE_CLEANUP_FUNC(Validator *, validator_free)
