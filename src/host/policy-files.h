/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The policy documents of this machine: the host's, /etc/cargowall/policy.json, and those in
 * /etc/cargowall/policy.d, each for the units, slices, containers or jobs that it matches. See cargowall-policy(5). */

#include "policy/document.h"

#define POLICY_DIR_MAX (POLICY_DOCUMENTS_MAX - 1) /* documents in policy.d, without the host's */
#define POLICY_FILES_TEXT_MAX (16 * (size_t) POLICY_TEXT_MAX) /* bytes, all documents together */

typedef struct PolicyFile {
        char *path; /* without the root directory */
        char *text; /* as read, terminated */
        size_t size;
        char digest[POLICY_DIGEST_SIZE];
        PolicyDocument document; /* always has a name and a value for inbound (by default true for the host) */
} PolicyFile;

typedef struct PolicyFiles {
        PolicyFile *files; /* the host's first, if there is one; then by file name in byte order */
        size_t n;
        bool has_host;
} PolicyFiles;

void policy_files_done(PolicyFiles *f);

/* root: "", or the directory to use as "/". Loads all documents or none: every fault of every document is reported,
 * with file names that omit root. Having no document is not a fault. Nothing is compiled yet. Returns 0 and files
 * that the caller frees with policy_files_done(); -EINVAL with faults; -ENOMEM. */
int policy_files_load(const char *root, PolicyFiles *ret, FaultList *faults);

/* "sha256:" and the lower-case hexadecimal digits of SHA-256 (FIPS 180-4) of the bytes, as sha256sum(1) prints them. */
void policy_digest(const void *text, size_t size, char ret[static POLICY_DIGEST_SIZE]);
