/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What every payload of the fuzzer is filled with, so that any part of it identifies its sender and its intended
 * destination. Numbers are in host byte order but for the port: job and witness run on one machine. */

#include <stdint.h>

#define TOKEN_MAGIC "CWfuzz\1\2"
#define TOKEN_MAGIC_SIZE 8
/* In names, with the number of the sequence in hexadecimal after it. */
#define TOKEN_LABEL "cwfuzz-"

typedef struct Token {
        char magic[TOKEN_MAGIC_SIZE];
        uint32_t seed, sequence;
        uint16_t call;
        uint16_t port_be;
        uint8_t addr[16]; /* IPv4: mapped */
} Token;
