/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads the policy documents of this machine and compiles them. */

#include "host/policy-files.h"
#include "policy/document-bundle.h"

/* root: "", or the directory to use as "/". Loads all documents or none. -ENOENT: there is no document; otherwise as
 * policy_files_load(). */
int documents_load(const char *root, Documents *ret, FaultList *faults);
/* The sound documents, and what stands in the place of those with faults: policy_files_load_outlines(). *ret_left_out:
 * how many documents say nothing that could stand in their place. -ENOENT: there is no document; -ENOMEM. */
int documents_load_outlines(const char *root, Mode configured, Documents *ret, size_t *ret_left_out, FaultList *faults);
/* Those that were kept. -EINVAL with faults: they are not valid any more; -ENOMEM. */
int documents_from_bundle(const DocumentBundle *bundle, Documents *ret, FaultList *faults);
/* document_replace() with the digest of the text. */
int documents_replace(const Document *d, const char *text, size_t size, Document *ret, FaultList *faults);
/* The digest of all documents: that of the only one, or of the list that sha256sum(1) would print for the scopes'
 * names. */
void documents_digest(const Documents *d, char ret[static POLICY_DIGEST_SIZE]);
