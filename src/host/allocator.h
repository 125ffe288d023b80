/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Settings of malloc(3) for a process that runs long with few threads. Call first in main(). */
void allocator_init(void);
/* Returns freed memory to the kernel: call after work that needed much of it. */
void allocator_trim(void);
