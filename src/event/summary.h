/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a run did, by destination: text for terminals, Markdown for job summaries, JSON for programs. Bounded:
 * destinations beyond the limit are counted but not listed, and the output says so. */

#include "event/event.h"

typedef struct Summary Summary;

/* Half of it for allowed and half for denied destinations, so that a flood of one cannot hide the other. */
#define SUMMARY_DESTINATIONS_MAX 4096

typedef enum SummaryFormat {
        SUMMARY_NONE,
        SUMMARY_TEXT,
        SUMMARY_JSON,
        SUMMARY_MARKDOWN,
} SummaryFormat;

int summary_format_from_string(const char *s, SummaryFormat *ret); /* -EINVAL */

/* key: random bytes, for the hash. -ENOMEM. */
int summary_new(Mode mode, const uint8_t key[static 16], Summary **ret);
Summary *summary_free(Summary *s);
/* Counts connections, denials, and the bytes of CONNECTION_CLOSED. Other types are ignored; report losses with
 * summary_add_lost(). -ENOMEM: counted, but not listed. */
int summary_add(Summary *s, const Event *e);
/* where: constant, "kernel ring", "log file" */
void summary_add_lost(Summary *s, uint64_t n_events, const char *where);
uint64_t summary_n_denied(const Summary *s); /* blocked or would-deny, DNS included */

/* The option that would allow this destination, "--allow github.com:443" or "--allow-cidr 203.0.113.7:443/udp". Only
 * for denials that no rule caused (a deny rule is deliberate), and only if the text needs no quoting in a shell;
 * otherwise -EOPNOTSUPP. -ENOBUFS: does not fit. */
int summary_suggest(const Event *e, char *buf, size_t size);
#define SUMMARY_SUGGESTION_MAX 288

/* The caller frees *ret (NUL-terminated). Every untrusted string is escaped for the format. -ENOMEM. */
int summary_format(const Summary *s, SummaryFormat format, char **ret, size_t *ret_size);
