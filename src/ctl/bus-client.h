/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Method calls to org.cargowall1, and the exit statuses of their errors: org.cargowall1(5). */

#include <systemd/sd-bus.h>

#include "ctl/ask-password.h"
#include "ctl/json-value.h"

#define BUS_NAME "org.cargowall1"
#define BUS_PATH "/org/cargowall1"
#define BUS_MANAGER BUS_NAME ".Manager"
#define BUS_SCOPE BUS_NAME ".Scope"
#define BUS_JOB BUS_NAME ".Job"
#define BUS_LOG_PATH "/org/freedesktop/LogControl1"
#define BUS_LOG "org.freedesktop.LogControl1"

/* cargowallctl(1), "Exit status". */
typedef enum ExitStatus {
        STATUS_OK = 0,
        STATUS_FAILED = 1,        /* also: denials found, destination denied, policies differ */
        STATUS_USAGE = 2,
        STATUS_NOT_ENFORCING = 3,
        STATUS_NO_SUCH = 4,       /* scope or job */
        STATUS_UNREACHABLE = 5,
        STATUS_ACCESS_DENIED = 6,
        STATUS_INVALID_POLICY = 7,
        STATUS_BUSY = 8,          /* a limit of the service; may succeed later */
} ExitStatus;

typedef struct BusClient {
        sd_bus *bus;         /* NULL until the first call */
        AskPassword agent;
        bool ask_password;   /* polkit may ask the user */
        bool silent;         /* errors are not printed */
        int unprinted;       /* an exit status whose errors the caller prints; 0: none */
} BusClient;

void bus_client_done(BusClient *c);
/* Connects unless already connected. DBUS_SYSTEM_BUS_ADDRESS overrides the address of the system bus. This and the
 * functions below return 0, or print one line to stderr and return an exit status. */
int bus_client_connect(BusClient *c);

typedef enum CallFlags {
        CALL_PRIVILEGED = 1 << 0, /* requires authorization: polkit may ask the user for a password */
} CallFlags;

/* Calls a method of the manager. types and arguments as in sd_bus_message_append(3); ret may be NULL. A call never
 * activates the service, so that a firewall that was stopped deliberately stays stopped. */
int bus_client_call(BusClient *c, const char *member, CallFlags flags, sd_bus_message **ret, const char *types, ...);
/* Sends m, a message from bus_client_message() with its arguments appended. Takes m. */
int bus_client_send(BusClient *c, sd_bus_message *m, CallFlags flags, sd_bus_message **ret);
int bus_client_message(BusClient *c, const char *path, const char *interface, const char *member,
                       sd_bus_message **ret);

/* All properties of the manager, with our JSON keys (ctl/variant-json.h). The caller owns *ret. */
int bus_client_properties(BusClient *c, JsonObject **ret);
/* The objects with this interface (BUS_SCOPE, BUS_JOB) below the manager, in one call: an array of their properties
 * with our JSON keys, each with "path", sorted by path. The caller owns *ret. */
int bus_client_objects(BusClient *c, const char *interface, JsonObject **ret);

/* Prints the error unless silent, and returns the exit status. error may be NULL or not set. */
int bus_client_fail(const BusClient *c, const char *what, const sd_bus_error *error, int r);
/* Pure: the exit status for the name of an error ("org.cargowall1.Error.NoSuchJob"; NULL: none), negative errno. */
ExitStatus bus_error_status(const char *name, int r);
