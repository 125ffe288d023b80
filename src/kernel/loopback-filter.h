/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A program for sockets (SO_ATTACH_BPF) that are to receive nothing through the loopback device: one for all of them. */

/* A descriptor, or -EPERM and others from bpf(2). */
int loopback_filter_load(void);
