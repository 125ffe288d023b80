/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A file in the runtime directory that says what is wrong with the service, for as long as something is: its companion
 * unit cargowalld-fault.service is failed meanwhile, since the service itself never is. */

/* Not written again with the same text, so that its age is that of the fault. Errors are ignored: the fault is in the
 * journal. */
void fault_note_set(const char *text);
void fault_note_clear(void);
