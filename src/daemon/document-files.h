/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads the policy documents of this machine and compiles them. */

#include "host/policy-files.h"
#include "policy/document.h"

/* root: "" or the directory that stands for "/". Whole or not at all. -ENOENT: there is not one document; otherwise as
 * policy_files_load(). */
int documents_load(const char *root, Documents *ret, FaultList *faults);
/* document_replace() with the digest of the text. */
int documents_replace(const Document *d, const char *text, size_t size, Document *ret, FaultList *faults);
/* Of all of them: the one document's, or that of the list that sha256sum(1) would print for the scopes' names. */
void documents_digest(const Documents *d, char ret[static POLICY_DIGEST_SIZE]);
