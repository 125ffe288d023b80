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
        bool is_outline; /* text and document stand in the place of one with faults: policy/document-outline.h */
        PolicyDocument document; /* always has a name and a value for inbound (by default true for the host) */
} PolicyFile;

typedef struct PolicyFiles {
        PolicyFile *files; /* the host's first, if there is one; then by file name in byte order */
        size_t n;
        bool has_host;
        size_t n_left_out; /* by policy_files_load_outlines(): of these nothing is known */
} PolicyFiles;

void policy_files_done(PolicyFiles *f);

/* root: "", or the directory to use as "/". Loads all documents or none: every fault of every document is reported,
 * with file names that omit root. Having no document is not a fault. Nothing is compiled yet. Returns 0 and files
 * that the caller frees with policy_files_done(); -EINVAL with faults; -ENOMEM. */
int policy_files_load(const char *root, PolicyFiles *ret, FaultList *faults);

/* The same for documents that were read already, with the paths of their files. */
typedef struct PolicyText {
        const char *path, *text;
        size_t size;
} PolicyText;
int policy_files_from_texts(const PolicyText *texts, size_t n, PolicyFiles *ret, FaultList *faults);

/* The sound documents, and what stands in the place of those with faults; a document that does not even say for whom it
 * is, and in which mode, is left out. configured: the mode of documents that set none. Returns 0, also if nothing is left,
 * with the faults; or -ENOMEM. */
int policy_files_load_outlines(const char *root, Mode configured, PolicyFiles *ret, FaultList *faults);
/* Puts what stands in its place into a file that turned out to have a fault. Returns 1; 0: it cannot be read that far;
 * -ENOMEM. */
int policy_file_outline(PolicyFile *f, Mode configured);

/* A digest of names, sizes and times of all documents, to notice that one of them has changed. */
void policy_files_stamp(const char *root, char ret[static POLICY_DIGEST_SIZE]);

/* "sha256:" and the lower-case hexadecimal digits of SHA-256 (FIPS 180-4) of the bytes, as sha256sum(1) prints them. */
void policy_digest(const void *text, size_t size, char ret[static POLICY_DIGEST_SIZE]);
