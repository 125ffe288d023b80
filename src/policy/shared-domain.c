/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/shared-domain.h"

#include <assert.h>
#include <libpsl.h>
#include <stddef.h>
#include <string.h>

#include "basic/macro.h"

/* In addition to the private section of the list of public suffixes, which has what its owners asked for. */
static const char *const domains[] = {
        "aliyuncs.com", "amazonaws.com", "amazonaws.com.cn", "azure-api.net", "azurecontainer.io", "azurecr.io", "azureedge.net",
        "azurefd.net", "azurewebsites.net", "backblazeb2.com", "blob.core.windows.net", "cloudapp.azure.com", "cloudapp.net",
        "cloudfront.net", "core.windows.net", "firebaseio.com", "ngrok-free.app", "ngrok.app", "oraclecloud.com",
        "r2.cloudflarestorage.com", "sharepoint.com", "trafficmanager.net", "trycloudflare.com", "wasabisys.com",
};

static bool is_public_suffix(const char *name, int type) {
        const psl_ctx_t *psl = psl_builtin();

        return psl && psl_is_public_suffix2(psl, name, type | PSL_TYPE_NO_STAR_RULE);
}

bool name_is_registry(const char *name) {
        assert(name);

        return is_public_suffix(name, PSL_TYPE_ICANN);
}

static bool is_shared(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(domains); i++)
                if (strcmp(domains[i], name) == 0)
                        return true;
        return is_public_suffix(name, PSL_TYPE_PRIVATE);
}

const char *name_shared_domain(const char *name) {
        assert(name);

        for (const char *dot; (dot = strchr(name, '.')); name = dot + 1) /* one label is a registry's */
                if (is_shared(name))
                        return name;
        return NULL;
}
