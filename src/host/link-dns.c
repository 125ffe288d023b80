/* SPDX-License-Identifier: Apache-2.0 */
#include "host/link-dns.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/macro.h"
#include "host/read-file.h"

#define TEXT_MAX (64U * 1024)
#define LINKS_MAX 4096U
#define FNV_OFFSET 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL

/* Not those that change with each lease of an address or with the link's carrier. */
static const char *const keys[] = { "SERVERS", "DNS", "DOMAINS", "ROUTE_DOMAINS", "DEFAULT_ROUTE", "DNS_DEFAULT_ROUTE",
                                    "DNSOVERTLS", "DNS_OVER_TLS" };

static bool line_counts(const char *line, size_t length) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                size_t n = strlen(keys[i]);

                if (length > n && line[n] == '=' && memcmp(line, keys[i], n) == 0)
                        return true;
        }
        return false;
}

static uint64_t hash_add(uint64_t hash, const char *text, size_t length) {
        for (size_t i = 0; i < length; i++)
                hash = (hash ^ (uint8_t) text[i]) * FNV_PRIME;
        return (hash ^ '\n') * FNV_PRIME;
}

uint64_t link_dns_hash(const char *text) {
        uint64_t hash = FNV_OFFSET;

        assert(text);

        for (const char *line = text; *line;) {
                size_t length = strcspn(line, "\n");

                if (line_counts(line, length))
                        hash = hash_add(hash, line, length);
                line += length + (line[length] == '\n');
        }
        return hash == FNV_OFFSET ? 0 : hash;
}

uint64_t link_dns_hash_dir(const char *path) {
        uint64_t sum = 0;
        struct stat st;
        DIR *dir;

        assert(path);

        dir = opendir(path);
        if (!dir && errno == EACCES && stat(path, &st) >= 0)
                return (uint64_t) st.st_mtim.tv_sec * 1000000000U + (uint64_t) st.st_mtim.tv_nsec;
        if (!dir)
                return 0;
        for (size_t n = 0; n < LINKS_MAX; n++) {
                _cleanup_free_ char *text = NULL;
                const struct dirent *entry = readdir(dir);
                uint64_t hash;

                if (!entry)
                        break;
                /* Others are temporary. */
                if (entry->d_name[0] == '.' || read_file_at(dirfd(dir), entry->d_name, TEXT_MAX, &text, NULL) < 0)
                        continue;
                hash = link_dns_hash(text);
                if (hash != 0) /* with the number of the link */
                        sum += hash_add(hash, entry->d_name, strlen(entry->d_name));
        }
        (void) closedir(dir);
        return sum;
}
