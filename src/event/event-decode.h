/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Ring bytes -> Event. The kernel's record is checked as if anybody had written it. */

#include "event/event.h"

/* monotonic_to_real_usec: what to add to CLOCK_MONOTONIC for CLOCK_REALTIME; the result saturates. comm_buf keeps the
 * process name, which the event borrows. -EBADMSG: wrong size, version, type or enum, or fields that contradict each
 * other. Name, rule text, executable and sequence are the caller's to add. Outputs are written only on success. */
int event_decode(const void *data, size_t size, int64_t monotonic_to_real_usec, char comm_buf[static CW_COMM_MAX],
                 Event *ret, struct cw_record *ret_record);
