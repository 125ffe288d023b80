/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The policy documents of this machine: the host's, /etc/cargowall/policy.json, and those of /etc/cargowall/policy.d,
 * each for the units, slices or containers that it matches. cargowall-policy(5). */

#include "policy/document.h"

#define POLICY_DIR_MAX (POLICY_DOCUMENTS_MAX - 1) /* documents in policy.d: without the host's */
#define POLICY_FILES_TEXT_MAX (16 * (size_t) POLICY_TEXT_MAX) /* bytes of all together */

typedef struct PolicyFile {
        char *path; /* without the root directory */
        char *text; /* as it was read, terminated */
        size_t size;
        char digest[POLICY_DIGEST_SIZE];
        PolicyDocument document; /* has a name; inbound is set where the text does not say it: true for the host */
} PolicyFile;

typedef struct PolicyFiles {
        PolicyFile *files; /* the host's first, if it is there; then by file name in byte order */
        size_t n;
        bool has_host;
} PolicyFiles;

void policy_files_done(PolicyFiles *f);

/* root: "" or the directory that stands for "/". Whole or not at all: all faults of all documents are
 * reported, with their files without the root directory. No document at all is no fault. Nothing is compiled yet. Returns
 * 0 and what the caller frees with policy_files_done(); -EINVAL with faults; -ENOMEM. */
int policy_files_load(const char *root, PolicyFiles *ret, FaultList *faults);

/* "sha256:" and the lower-case hexadecimal digits of SHA-256 (FIPS 180-4) over the bytes: what sha256sum(1) prints for
 * the file. */
void policy_digest(const void *text, size_t size, char ret[static POLICY_DIGEST_SIZE]);
