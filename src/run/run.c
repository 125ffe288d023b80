/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "engine/engine.h"
#include "host/allocator.h"
#include "host/cgroup.h"
#include "host/guarded-open.h"
#include "host/upstreams.h"
#include "run/child.h"
#include "run/domain.h"
#include "run/engine-watch.h"
#include "run/guard.h"
#include "run/inherited.h"
#include "run/last-sockets.h"
#include "run/learn.h"
#include "run/message.h"
#include "run/run-open.h"
#include "run/run-options.h"
#include "run/run-policy.h"
#include "run/run-signals.h"
#include "run/run-user.h"
#include "run/side-doors.h"
#include "run/socket-refusals.h"
#include "run/stdio-relay.h"
#include "sink/hub.h"
#include "sink/ndjson-file.h"

#define KILL_TIMEOUT_USEC (5 * USEC_PER_SEC)
#define RELAY_TIMEOUT_USEC (30 * USEC_PER_SEC) /* for what COMMAND wrote last */

static const char usage_text[] =
        "Usage: cargowall run [OPTION]... -- COMMAND [ARG]...\n"
        "\n"
        "Runs COMMAND so that it and its children can only reach what the policy allows.\n"
        "\n"
        "  --policy FILE                  rules from a JSON policy\n"
        "  --allow HOST[:PORT[;PORT]...]  allow a host name and its subdomains\n"
        "  --allow-cidr CIDR[:PORT...]    allow an address or a network\n"
        "  --deny HOST[:PORT...]          deny a host name and its subdomains\n"
        "  --deny-cidr CIDR[:PORT...]     deny an address or a network\n"
        "  --mode enforce|audit           refuse (default), or only report\n"
        "  --log FILE                     append the events to FILE, one JSON object each\n"
        "  --learn FILE                   run in audit mode, and write a policy that allows\n"
        "                                 what COMMAND did to FILE, which must not exist\n"
        "  --upstream ADDR[:PORT]         resolver to use; default: from resolv.conf\n"
        "  --summary text|json|markdown|none\n"
        "                                 what to print on stderr at the end\n"
        "  --user NAME                    run COMMAND as NAME; default: the caller of sudo\n"
        "  --fail-on-denied               exit with 3 when COMMAND succeeded but\n"
        "                                 something was denied\n"
        "  --keep-fd FD                   pass an open descriptor to COMMAND although it\n"
        "                                 leads past the policy, such as a socket\n"
        "  --allow-socketcall             let 32-bit x86 programs use socketcall(2), which\n"
        "                                 cannot be restricted to IP and local sockets\n"
        "  --engine-sockets               leave the sockets of container engines and of the\n"
        "                                 user's service manager visible, which act\n"
        "                                 outside of the policy\n"
        "  -h, --help                     this text\n"
        "\n"
        "The exit status is COMMAND's, 128+N if signal N ended it, 125 if cargowall\n"
        "failed before COMMAND started, 126 if COMMAND cannot be run, 127 if it is\n"
        "not found.\n"
        "\n"
        "Example: sudo cargowall run --allow github.com:443 -- git fetch\n";

typedef struct Run {
        RunOptions options;
        RunUser user;
        RunPolicy policy;
        Mode mode;
        Upstreams *upstreams;
        NdjsonFile *log;
        SinkHub *sinks;
        Learn *learn; /* NULL without --learn */
        Summary *summary;
        SignalState signals;
        SignalTarget signal_target;
        Cgroup cgroup;
        StdioRelay *relay; /* NULL: no standard stream is a connection */
        SideDoors doors;
        EngineWatch *watch;
        unsigned n_engines_met;
        Child child;
        Guard guard;
        sd_event *event;
        sd_event_source *guard_source;
        Engine *engine;
        SocketRefusals *refusals; /* NULL: the kernel does not report them */
        bool ended;  /* COMMAND has ended */
        int status;  /* with this exit status */
} Run;

#define RUN_INIT { .cgroup = CGROUP_INIT, .child = CHILD_INIT, .guard = GUARD_INIT }

/* ------------------------------------------------------------------ before COMMAND */

static int fail(const char *what, int error) {
        message("%s: %s", what, strerror(-error));
        return error;
}

/* If 0, 1 or 2 is closed, one of our files would get that number and be used in its place. COMMAND still gets it
 * closed. */
static int fill_standard_fds(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (fcntl(fd, F_GETFD) >= 0)
                        continue;
                if (open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
                        return -EBADF;
        }
        return 0;
}

static int open_log(Run *run) {
        int r;

        if (!run->options.log)
                return 0;
        r = run_open_log(run->options.log, &run->user);
        if (r >= 0)
                r = ndjson_file_take_fd(r, &run->log);
        if (r < 0)
                message("%s: cannot open the log: %s", run->options.log, guarded_open_error(r));
        return r;
}

/* What COMMAND inherits. First, while nothing of ours is open. */
static int prepare_inherited(Run *run) {
        const RunOptions *o = &run->options;
        const char *what;
        int fd, r;

        for (size_t i = 0; i < o->n_keep_fds; i++)
                if (fcntl(o->keep_fds[i], F_GETFD) < 0) {
                        message("--keep-fd %d: not an open descriptor", o->keep_fds[i]);
                        return -EBADF;
                }
        r = side_doors_find(true, &run->doors);
        if (r < 0)
                return fail("cannot find the sockets to be hidden from COMMAND", r);
        if (o->engine_sockets)
                side_doors_forget_engines(&run->doors);
        r = inherited_find_leak(o->keep_fds, o->n_keep_fds, run->doors.n > 0, &fd, &what);
        if (r < 0)
                return fail("cannot examine the open descriptors in /proc", r);
        if (r > 0) {
                message("open descriptor %d is %s; the policy does not apply to it: close it, or use --keep-fd %d", fd,
                        what, fd);
                return -EPERM;
        }
        r = stdio_relay_new(o->keep_fds, o->n_keep_fds, &run->relay);
        return r < 0 ? fail("cannot relay the standard streams", r) : 0;
}

/* In audit mode nothing fails that would not fail without. */
static void prepare_doors(Run *run) {
        const RunUser *u = &run->user;
        const char *engine;

        if (run->mode == MODE_ENFORCE) {
                int r = side_doors_watch(&run->doors);
                if (r < 0)
                        message("it is not reported if COMMAND uses a container engine: %s", strerror(-r));
                return;
        }
        engine = side_doors_first_engine(&run->doors, u->change ? u->uid : geteuid(), u->groups, u->n_groups);
        if (engine)
                message("what COMMAND has others do is not seen: it can reach %s, which is hidden when the policy is enforced", engine);
        side_doors_forget_engines(&run->doors);
}

/* Everything that needs neither privileges nor clean-up. */
static int prepare(Run *run) {
        char error[RUN_USER_ERROR_MAX];
        uint8_t key[16];
        int r;

        r = prepare_inherited(run);
        if (r < 0)
                return r;
        r = run_user_select(run->options.user, &run->user, error);
        if (r < 0) {
                message("%s", r == -EINVAL ? error : strerror(-r));
                return r;
        }
        r = run_policy_load(&run->options, &run->user, &run->policy);
        if (r < 0)
                return r;
        run->mode = run->policy.mode;
        r = open_log(run);
        if (r < 0)
                return r;
        if (run->options.learn) {
                r = learn_new(run->options.learn, &run->user, &run->learn);
                if (r < 0)
                        return r;
        }
        prepare_doors(run);
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return fail("no random bytes", -EIO);
        r = summary_new(run->mode, key, &run->summary);
        return r < 0 ? fail("cannot start", r) : 0;
}

/* 0, reported, if the kernel has none that fits. */
static int usable_domain_abi(void) {
        int abi = domain_abi();

        if (abi >= DOMAIN_ABI_MIN)
                return abi;
        message("no Landlock of Linux 6.7 or later: COMMAND can act through other processes of its user (see LIMITS in "
                "cargowall(1))");
        return 0;
}

static int start_child(Run *run) {
        const ChildOptions options = {
                .command = run->options.command,
                .user = &run->user,
                .cgroup = &run->cgroup,
                .signals = &run->signals,
                .doors = &run->doors,
                .relay = run->relay,
                .domain_abi = usable_domain_abi(),
                .enforce = run->mode == MODE_ENFORCE,
                .socketcall = run->options.allow_socketcall,
        };
        const char *what;
        ChildFault fault;
        int r;

        r = cgroup_create_below_own(&run->cgroup, &what);
        if (r < 0)
                return fail(what, r);
        r = child_new(&options, &run->child, &fault);
        if (r < 0)
                message("the process for COMMAND cannot %s: %s",
                        fault.stage == CHILD_WAITING ? "be made" : child_stage_to_string(fault.stage), strerror(-r));
        return r;
}

/* ------------------------------------------------------------------ events */

static void run_on_event(const Event *e, void *userdata) {
        Run *run = userdata;

        sink_hub_write(run->sinks, e);
}

static void summary_write(void *object, const Event *e, _unused_ uint64_t now_nsec) {
        (void) summary_add(object, e); /* what does not fit is counted */
}

static uint64_t summary_n_lost(_unused_ const void *object) {
        return 0;
}

static int open_sinks(Run *run) {
        const Sink summary = {
                .name = "summary", .object = run->summary, .write = summary_write, .n_lost = summary_n_lost,
        };

        int r = sink_hub_new(run->event, &run->sinks);
        if (r >= 0)
                r = sink_hub_add(run->sinks, &summary);
        if (r >= 0 && run->learn) {
                Sink learn = learn_as_sink(run->learn);
                r = sink_hub_add(run->sinks, &learn);
        }
        if (r < 0 || !run->log)
                return r;
        Sink file = ndjson_file_as_sink(run->log);
        return sink_hub_add(run->sinks, &file);
}

static int run_on_child_exit(sd_event_source *source _unused_, const siginfo_t *si, void *userdata) {
        Run *run = userdata;

        run->status = si->si_code == CLD_EXITED ? si->si_status : RUN_EXIT_SIGNAL + si->si_status;
        run->ended = true;
        run->child.pid = 0; /* reaped by sd-event */
        return 0;
}

static int start_guard(Run *run);

/* Somebody killed the guard. Enforcement continues without it, but would end with this process. */
static int run_on_guard_exit(sd_event_source *source _unused_, const siginfo_t *si _unused_, void *userdata) {
        Run *run = userdata;

        run->guard.pid = 0;
        (void) guard_leave(&run->guard);
        run->guard_source = sd_event_source_unref(run->guard_source);
        (void) start_guard(run);
        return 0;
}

/* In audit mode nothing is refused, so nothing is held back either. */
static int hold_fd(const Run *run) {
        return run->engine && run->mode == MODE_ENFORCE ? engine_hold_fd(run->engine) : -EBADF;
}

static int start_guard(Run *run) {
        int r;

        r = guard_new(&run->cgroup, hold_fd(run), &run->guard);
        if (r >= 0)
                r = sd_event_add_child(run->event, &run->guard_source, run->guard.pid, WEXITED, run_on_guard_exit, run);
        return r < 0 ? fail("cannot start the guard process", r) : 0;
}

static int start_loop(Run *run) {
        int r;

        run->signal_target.pid = &run->child.pid;
        r = sd_event_new(&run->event);
        if (r >= 0)
                r = signals_forward(run->event, &run->signal_target);
        if (r >= 0)
                r = sd_event_add_child(run->event, NULL, run->child.pid, WEXITED, run_on_child_exit, run);
        if (r >= 0)
                r = open_sinks(run);
        if (r >= 0)
                r = stdio_relay_start(run->relay, run->event);
        return r < 0 ? fail("cannot start the event loop", r) : 0;
}

static int run_on_probe(EngineProbe step, void *userdata) {
        Run *run = userdata;

        return child_probe(&run->child, step);
}

static void emit(Run *run, EventType type, const char *detail) {
        Event e = { .type = type, .mode = run->mode, .rule = RULE_NONE, .detail = detail };

        engine_emit(run->engine, &e);
}

static void run_on_not_local(const InAddr *addr, int error, _unused_ void *userdata) {
        char text[IN_ADDR_TEXT_MAX];

        message("cannot register the machine's own address %s (%s): connections to it are judged by the policy",
                in_addr_format(addr, text), strerror(-error));
}

static void run_on_forgery(const Endpoint *server, _unused_ void *userdata) {
        char text[ENDPOINT_TEXT_MAX];

        message("datagrams from the upstream resolver %s answer no query, or were sent by this machine: somebody forges "
                "answers, or a NAT rule redirects queries to a resolver on this machine; queries use TCP for the next 10 "
                "minutes",
                endpoint_format(server, text));
}

/* Not a denial: the command did nothing. */
static void tell_strangers(const Run *run) {
        EngineStats stats;

        engine_stats(run->engine, &stats);
        if (stats.dns_strangers > 0)
                message("%llu queries to the DNS proxy came from processes that are not of this run, and were not answered",
                        (unsigned long long) stats.dns_strangers);
}

static void run_on_upstreams(int error, const DnsServer *servers, size_t n, void *userdata) {
        Run *run = userdata;
        int r = error < 0 ? 0 : engine_set_servers(run->engine, servers, n);

        if (r < 0)
                (void) fail("cannot use the new upstream resolvers", r);
}

/* COMMAND's resolvers are followed as they change; what it addresses on this machine is outside of the run. */
static int find_servers(Run *run) {
        const RunOptions *o = &run->options;
        const DnsServer *servers;
        /* --upstream: those and no others */
        unsigned locals = o->n_servers > 0 ? 0 : UPSTREAM_LOCAL_STUB | UPSTREAM_LOCAL_OTHERS | UPSTREAM_LOCAL_PROXY;
        int r;

        r = upstreams_new(run->event, &upstream_files_default, locals, o->servers, o->n_servers, run_on_upstreams, run,
                          &run->upstreams);
        if (r < 0)
                return fail("cannot follow the upstream resolvers", r);
        if (upstreams_get(run->upstreams, &servers) == 0)
                message("no upstream resolver in /etc/resolv.conf: names do not resolve until it has one; see --upstream");
        return 0;
}

static int start_engine(Run *run) {
        LayerSpec spec = { .name = "run", .policy = TAKE_PTR(run->policy.policy), .mode = run->mode };
        EngineOptions options = {
                .dns_refusal = DNS_RCODE_NXDOMAIN,
                .cgroup_fd = run->cgroup.fd,
                .cgroup_id = run->cgroup.id,
                .own_cgroup_fd = run->cgroup.root_fd,
                .on_event = run_on_event,
                .on_not_local = run_on_not_local,
                .on_forgery = run_on_forgery,
                .userdata = run,
        };
        const char *what = "cannot start the engine";
        int r;

        r = find_servers(run);
        if (r < 0)
                return r;
        options.n_servers = upstreams_get(run->upstreams, &options.servers);
        r = engine_new(run->event, &options, &spec, 1, NULL, &run->engine, &what);
        if (r >= 0) {
                emit(run, EVENT_RUN_STARTED, run->policy.environment);
                r = engine_self_test(run->engine, run_on_probe, run, &what);
                allocator_trim(); /* what loading the programs took */
        }
        return r < 0 ? fail(what, r) : 0;
}

/* ------------------------------------------------------------------ sockets that the filter refuses */

static void run_on_process(uint32_t pid, void *userdata) {
        engine_note_process(((Run *) userdata)->engine, pid);
}

static void run_on_refusal(const SocketRefusal *r, void *userdata) {
        Run *run = userdata;
        Event e = {
                .type = EVENT_PROTOCOL_BLOCKED,
                .reason = CW_REASON_FAMILY,
                .socket_family = (uint8_t) r->family,
                .pid = r->pid, .tid = r->tid, .uid = r->uid, .gid = r->gid,
                .count = r->count,
                .detail = r->socketcall ? "with socketcall(2), for an unknown family; see --allow-socketcall" : NULL,
        };

        engine_emit_refusal(run->engine, engine_layer(run->engine, 0), &e);
}

/* COMMAND may already run. */
static void start_refusals(Run *run) {
        const SocketRefusalsOptions options = {
                .enforce = run->mode == MODE_ENFORCE,
                .on_process = run_on_process,
                .on_refusal = run_on_refusal,
                .userdata = run,
        };
        int fd = TAKE_FD(run->child.listener_fd), r;

        if (fd < 0) {
                message("the kernel does not report sockets of other families: they are %s without an event",
                        run->mode == MODE_ENFORCE ? "refused" : "allowed");
                return;
        }
        r = socket_refusals_new(run->event, fd, &options, &run->refusals);
        if (r < 0)
                (void) fail("cannot report sockets of other families; they are refused", r);
}

/* ------------------------------------------------------------------ services that are hidden */

static void run_on_engine(const char *path, pid_t pid, const char *process, void *userdata) {
        Run *run = userdata;

        run->n_engines_met++;
        message("%s (process %d) wanted to use %s, which is hidden: what it does for others is outside of the policy; see "
                "--engine-sockets", process[0] != '\0' ? process : "COMMAND", (int) pid, path);
}

/* COMMAND may already run. */
static void start_watch(Run *run) {
        int r = engine_watch_new(run->event, &run->doors, run_on_engine, run, &run->watch);

        if (r < 0)
                (void) fail("cannot report the use of container engines; they are hidden", r);
        side_doors_closed(&run->doors);
}

/* ------------------------------------------------------------------ COMMAND and after */

/* 0, or the exit status for the reason why COMMAND does not run. */
static int release(Run *run) {
        const char *name = run->options.command[0];
        ChildFault fault;
        int r;

        r = child_release(&run->child, &fault);
        if (r >= 0) {
                start_refusals(run);
                start_watch(run);
                return 0;
        }
        if (fault.stage != CHILD_EXEC) {
                message("cannot start COMMAND, its process cannot %s: %s", child_stage_to_string(fault.stage),
                        strerror(-r));
                return RUN_EXIT_FAILED;
        }
        if (r == -ENOENT) {
                message("%s: command not found", name);
                return RUN_EXIT_NOT_FOUND;
        }
        message("%s: cannot run: %s", name, strerror(-r));
        return RUN_EXIT_CANNOT_RUN;
}

/* Returns false if something cannot be killed now: then the guard remains for it. */
static bool kill_leftovers(Run *run) {
        unsigned n;
        int r;

        if (run->cgroup.fd < 0)
                return true;
        r = cgroup_kill(&run->cgroup, KILL_TIMEOUT_USEC, &n);
        if (r < 0) {
                message("some processes of the run cannot be killed yet (%s); they stay confined until they end",
                        strerror(-r));
                if (guard_leave(&run->guard)) {
                        cgroup_done(&run->cgroup); /* the guard removes it */
                        return false;
                }
        }
        while (r < 0) { /* nobody else holds the hooks */
                (void) sleep(1);
                r = cgroup_kill(&run->cgroup, KILL_TIMEOUT_USEC, &n);
        }
        if (n > 0 && run->ended)
                message("killed %u process%s that COMMAND left behind", n, n == 1 ? "" : "es");
        return true;
}

/* Those of COMMAND's sockets that the kernel continues to serve. The guard holds the hooks for what is left at the end. */
static void end_sockets(Run *run) {
        LastSocketsState state;
        uint64_t usec;
        LastSockets l;

        if (run->cgroup.fd < 0)
                return;
        if (hold_fd(run) < 0) {
                (void) cgroup_remove(&run->cgroup);
                return;
        }
        while (last_sockets_begin(&run->cgroup, hold_fd(run), &l) < 0)
                (void) sleep(1); /* out of memory */
        while ((state = last_sockets_step(&l, run->signal_target.end_is_asked, &usec)) == LAST_SOCKETS_WAIT)
                if (sd_event_run(run->event, usec) < 0)
                        (void) usleep((useconds_t) usec);
        if (l.n > 0)
                message("connections of COMMAND whose data cannot be delivered: %zu; they stay confined until they end", l.n);
        else if (l.n_ended > 0)
                message("ended connections of COMMAND whose data could not be delivered: %zu", l.n_ended);
        if (state == LAST_SOCKETS_LEFT && !guard_hold(&run->guard))
                last_sockets_hold(&l, NULL); /* nobody else holds the hooks */
        last_sockets_done(&l);
}

static void finish_log(Run *run) {
        uint64_t n_lost;

        if (!run->log)
                return;
        ndjson_file_flush(run->log);
        n_lost = ndjson_file_n_lost(run->log);
        if (n_lost == 0)
                return;
        message("%s: %" PRIu64 " events could not be written: %s", run->options.log, n_lost,
                strerror(-ndjson_file_last_error(run->log)));
        summary_add_lost(run->summary, n_lost, "log file");
}

static void print_summary(const Run *run) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (run->options.summary == SUMMARY_NONE)
                return;
        r = summary_format(run->summary, run->options.summary, &text, &size);
        if (r < 0)
                (void) fail("no summary", r);
        else
                (void) fwrite(text, 1, size, stderr);
}

/* Called after the last process and the last socket of the run have ended. */
static int finish(Run *run) {
        uint64_t n_lost;

        socket_refusals_flush(run->refusals);
        engine_watch_flush(run->watch);
        engine_finish(run->engine);
        tell_strangers(run);
        emit(run, EVENT_RUN_ENDED, NULL);
        n_lost = engine_events_lost(run->engine);
        if (n_lost > 0)
                summary_add_lost(run->summary, n_lost, "kernel ring");
        finish_log(run);
        print_summary(run);
        if (run->learn && run->status != 0)
                message("COMMAND failed: the policy has what it did until then");
        if (run->learn && learn_finish(run->learn, n_lost, run->options.summary == SUMMARY_NONE) < 0 && run->status == 0)
                return RUN_EXIT_FAILED;

        if (!run->options.fail_on_denied || run->status != 0)
                return run->status;
        if (summary_n_denied(run->summary) > 0 || run->n_engines_met > 0)
                return RUN_EXIT_DENIED;
        if (n_lost > 0) {
                message("%" PRIu64 " events were lost, so it is unknown whether anything was denied", n_lost);
                return RUN_EXIT_DENIED;
        }
        return 0;
}

static void drain_relay(Run *run) {
        size_t n = stdio_relay_drain(run->relay, RELAY_TIMEOUT_USEC);

        if (n > 0)
                message("the peer of a standard stream did not accept the last %zu bytes", n);
}

static int run_command(Run *run) {
        int r;

        r = release(run);
        if (r > 0)
                return r;
        while (!run->ended) {
                r = sd_event_run(run->event, UINT64_MAX);
                if (r < 0) {
                        (void) fail("the event loop failed; ending the run", r);
                        return RUN_EXIT_FAILED;
                }
        }
        (void) kill_leftovers(run);
        drain_relay(run);
        end_sockets(run);
        return finish(run);
}

/* Kill first, then end the sockets, then detach what enforces. */
static void run_done(Run *run) {
        child_done(&run->child);
        (void) kill_leftovers(run);
        end_sockets(run);
        socket_refusals_free(run->refusals);
        engine_watch_free(run->watch);
        side_doors_done(&run->doors);
        upstreams_free(run->upstreams);
        engine_free(run->engine);
        sink_hub_free(run->sinks);
        stdio_relay_free(run->relay);
        sd_event_source_disable_unref(run->guard_source);
        sd_event_unref(run->event);
        guard_done(&run->guard);
        cgroup_done(&run->cgroup);
        ndjson_file_free(run->log);
        learn_free(run->learn);
        summary_free(run->summary);
        run_policy_done(&run->policy);
        run_user_done(&run->user);
        run_options_done(&run->options);
}

int cli_run(int argc, char **argv) {
        _cleanup_(run_done) Run run = RUN_INIT;
        char error[RUN_OPTIONS_ERROR_MAX];
        int r;

        if (fill_standard_fds() < 0)
                return RUN_EXIT_FAILED;
        r = run_options_parse(argc, argv, &run.options, error);
        if (r < 0) {
                message("%s (see cargowall run --help)", r == -EINVAL ? error : strerror(-r));
                return RUN_EXIT_FAILED;
        }
        if (run.options.help) {
                (void) fputs(usage_text, stdout);
                return EXIT_SUCCESS;
        }
        if (prepare(&run) < 0)
                return RUN_EXIT_FAILED;
        r = signals_take(&run.signals);
        if (r < 0) {
                (void) fail("cannot block signals", r);
                return RUN_EXIT_FAILED;
        }
        /* The child is created before the engine and inherits nothing of it; the guard is created after it and has
         * its links. */
        if (start_child(&run) < 0 || start_loop(&run) < 0 || start_engine(&run) < 0 || start_guard(&run) < 0)
                return RUN_EXIT_FAILED;
        return run_command(&run);
}
