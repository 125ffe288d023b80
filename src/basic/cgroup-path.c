/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/cgroup-path.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"

#define SLICE ".slice"

typedef enum Place {
        PLACE_ROOT,
        PLACE_SLICE,
        PLACE_ENGINE,
        PLACE_KUBERNETES, /* folders of its own: by quality of service, and for each pod */
} Place;

static bool name_is(const char *name, size_t n, const char *other) {
        return strlen(other) == n && memcmp(name, other, n) == 0;
}

static bool name_is_slice(const char *name, size_t n) {
        return n > strlen(SLICE) && memcmp(name + n - strlen(SLICE), SLICE, strlen(SLICE)) == 0;
}

static bool name_is_engine(const char *name, size_t n) {
        static const char *const engines[] = { "docker", "libpod_parent", "buildkit", "lxc" };

        for (size_t i = 0; i < ELEMENTSOF(engines); i++)
                if (name_is(name, n, engines[i]))
                        return true;
        return false;
}

static bool groups_in_kubernetes(const char *name, size_t n) {
        return name_is(name, n, "burstable") || name_is(name, n, "besteffort") || (n > 3 && memcmp(name, "pod", 3) == 0);
}

/* Whether the component only groups others; where its own are. */
static bool enter(const char *name, size_t n, Place *place) {
        if (*place == PLACE_KUBERNETES)
                return groups_in_kubernetes(name, n);
        if (*place == PLACE_ENGINE)
                return false;
        if (*place == PLACE_ROOT && name_is(name, n, "kubepods"))
                *place = PLACE_KUBERNETES;
        else if (*place == PLACE_ROOT && name_is_engine(name, n))
                *place = PLACE_ENGINE;
        else if (name_is_slice(name, n))
                *place = PLACE_SLICE;
        else
                return false;
        return true;
}

size_t cgroup_path_groups(const char *path, bool *ret_engine) {
        Place place = PLACE_ROOT;
        const char *p = path;

        assert(path);

        for (;;) {
                const char *name = p + strspn(p, "/");
                size_t n = strcspn(name, "/");

                if (n == 0 || !enter(name, n, &place))
                        break;
                p = name + n;
        }
        if (ret_engine)
                *ret_engine = place == PLACE_ENGINE || place == PLACE_KUBERNETES;
        return (size_t) (p - path);
}
