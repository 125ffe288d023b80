/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config-files.h"

#include <assert.h>
#include <string.h>

#include "host/config-dir.h"

#define NAME "cargowall.conf"

/* Highest priority first. */
static const char *const drop_in_dirs[] = {
        "/etc/cargowall/" NAME ".d",
        "/run/cargowall/" NAME ".d",
        "/usr/lib/cargowall/" NAME ".d",
};

typedef struct DropIn {
        const char *dir;  /* borrowed */
        const char *name; /* borrowed */
} DropIn;

typedef struct Loader {
        const char *root;
        ServiceConfig *config;
        FaultList *faults;
} Loader;

static void file_fault(Loader *l, const char *file, const char *reason) {
        l->faults->file = file;
        (void) fault_list_add(l->faults, NULL, 0, reason);
}

static int load_file(Loader *l, const char *file) {
        _cleanup_free_ char *path = config_path(l->root, file, NULL), *text = NULL;
        const char *reason = NULL;
        size_t size;

        if (!path)
                return -ENOMEM;
        int r = config_file_read(path, CONF_TEXT_MAX, true, &text, &size, &reason);
        if (r == -ENOENT || r == -ENOMEM)
                return r;
        if (r < 0) {
                file_fault(l, file, reason);
                return 0;
        }

        l->faults->file = file;
        r = conf_file_parse(text, size, service_config_apply, l->config, l->faults);
        return r == -EINVAL ? 0 : r;
}

static int load_main(Loader *l, const char *file) {
        int r = load_file(l, file);
        return r == -ENOENT ? 0 : r;
}

/* ------------------------------------------------------------------ drop-ins */

static bool is_hidden(const DropIn *drop_ins, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(drop_ins[i].name, name) == 0)
                        return true;
        return false;
}

static int compare_drop_ins(const void *a, const void *b) {
        return strcmp(((const DropIn *) a)->name, ((const DropIn *) b)->name);
}

static int load_drop_in(Loader *l, const DropIn *d) {
        _cleanup_free_ char *file = config_path("", d->dir, d->name);

        if (!file)
                return -ENOMEM;
        int r = load_file(l, file);
        if (r == -ENOENT)
                file_fault(l, file, "it disappeared while the configuration was being read");
        return r == -ENOENT ? 0 : r;
}

/* names: one list per directory. */
static int load_names(Loader *l, const ConfigNames names[static ELEMENTSOF(drop_in_dirs)]) {
        DropIn drop_ins[ELEMENTSOF(drop_in_dirs) * CONFIG_DROP_INS_MAX];
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(drop_in_dirs); i++)
                for (size_t j = 0; j < names[i].n; j++)
                        if (!is_hidden(drop_ins, n, names[i].names[j]))
                                drop_ins[n++] = (DropIn) { .dir = drop_in_dirs[i], .name = names[i].names[j] };
        qsort(drop_ins, n, sizeof(DropIn), compare_drop_ins);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = load_drop_in(l, &drop_ins[i]);
        return r;
}

static int list_drop_ins(Loader *l, const char *dir, ConfigNames *ret) {
        _cleanup_free_ char *path = config_path(l->root, dir, NULL);
        const char *reason = NULL;

        if (!path)
                return -ENOMEM;
        int r = config_dir_list(path, ".conf", CONFIG_DROP_INS_MAX, ret, &reason);
        if (r < 0 && r != -ENOMEM)
                file_fault(l, dir, reason);
        return r == -ENOMEM ? r : 0;
}

static int load_drop_ins(Loader *l) {
        ConfigNames names[ELEMENTSOF(drop_in_dirs)] = {};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(drop_in_dirs) && r >= 0; i++)
                r = list_drop_ins(l, drop_in_dirs[i], &names[i]);
        if (r >= 0)
                r = load_names(l, names);
        for (size_t i = 0; i < ELEMENTSOF(drop_in_dirs); i++)
                config_names_done(&names[i]);
        return r;
}

int config_files_load(const char *root, ServiceConfig *ret, FaultList *faults) {
        _cleanup_(service_config_done) ServiceConfig config = {};

        assert(root && ret && faults);

        Loader l = { .root = root, .config = &config, .faults = faults };
        int r = service_config_init(&config);
        if (r >= 0)
                r = load_main(&l, "/usr/lib/cargowall/" NAME);
        if (r >= 0)
                r = load_main(&l, "/etc/cargowall/" NAME);
        if (r >= 0)
                r = load_drop_ins(&l);
        faults->file = NULL; /* borrowed for this call only */
        if (r < 0)
                return r;
        if (fault_list_count(faults) > 0)
                return -EINVAL;

        *ret = config;
        config = (ServiceConfig) {};
        return 0;
}
