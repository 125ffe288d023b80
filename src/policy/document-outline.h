/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What can still be read of a policy document with faults: for whom it is, and in which mode. Made into a document that
 * stands in its place until it is repaired: without rules, it denies everything if the faulty one is enforced, and
 * nothing if it is in audit mode or off. */

#include "policy/document.h"

/* is_host: the document of the host, which has no match. configured: the mode of documents that set none. name: NULL, or
 * the scope's, to try once more where the name or the inbound of the document may be what is wrong: both are left out.
 * Returns 1, and a text that the caller frees and checks as any other document; 0: it cannot be read that far, or what it
 * says is contradictory; -ENOMEM. */
int document_outline(const char *text, size_t size, bool is_host, Mode configured, const char *name, char **ret);
