/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/service-log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "event/text-writer.h"
#include "sink/journal-socket.h"

#define LINE_SIZE 2048
#define RECORD_SIZE (4 * LINE_SIZE + 256)

struct ServiceLog {
        int fd;
        const char *name;
        int level;
        JournalSocket *journal; /* NULL: stderr is not the journal */
        uint64_t n_lost, n_unreported;
};

/* "DEVICE:INODE", decimal */
static bool leads_to_journal(int fd, const char *stream) {
        unsigned long long device, inode;
        struct stat st;
        int end = 0;

        if (!stream || fstat(fd, &st) < 0)
                return false;
        if (sscanf(stream, "%llu:%llu%n", &device, &inode, &end) < 2 || stream[end] != '\0')
                return false;
        return st.st_dev == device && st.st_ino == inode;
}

int service_log_new(int fd, const char *stream, const char *path, const char *name, ServiceLog **ret) {
        assert(name);
        assert(ret);

        _cleanup_(service_log_freep) ServiceLog *l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->fd = fd;
        l->name = name;
        l->level = LOG_INFO;
        if (leads_to_journal(fd, stream)) {
                int r = journal_socket_new(path, &l->journal);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(l);
        return 0;
}

ServiceLog *service_log_free(ServiceLog *l) {
        if (!l)
                return NULL;

        journal_socket_free(l->journal);
        free(l);
        return NULL;
}

void service_log_set_level(ServiceLog *l, int level) {
        assert(l);

        l->level = level;
}

int service_log_level(const ServiceLog *l) {
        assert(l);

        return l->level;
}

uint64_t service_log_n_lost(const ServiceLog *l) {
        assert(l);

        return l->n_lost;
}

bool service_log_flush(ServiceLog *l) {
        assert(l);

        return !l->journal || journal_socket_flush(l->journal);
}

static int send_line(ServiceLog *l, int level, const char *line) {
        char record[RECORD_SIZE];
        TextWriter t;

        text_init(&t, record, sizeof(record));
        text_add(&t, "PRIORITY=");
        text_add_number(&t, (uint64_t) level);
        text_add(&t, "\nSYSLOG_IDENTIFIER=");
        text_add(&t, l->name);
        text_add(&t, "\nMESSAGE=");
        text_add_escaped(&t, line, 4 * LINE_SIZE);
        text_add(&t, "\n");
        return journal_socket_send(l->journal, record, (size_t) (t.p - record), level <= LOG_WARNING);
}

static void to_journal(ServiceLog *l, int level, const char *line) {
        char note[64];

        if (l->n_unreported > 0) {
                (void) snprintf(note, sizeof(note), "%" PRIu64 " messages before this one were lost", l->n_unreported);
                if (send_line(l, LOG_WARNING, note) >= 0)
                        l->n_unreported = 0;
        }
        if (send_line(l, level, line) < 0) {
                l->n_lost++;
                l->n_unreported++;
        }
}

static void to_stderr(ServiceLog *l, const char *line) {
        char text[RECORD_SIZE];
        TextWriter t;

        text_init(&t, text, sizeof(text));
        text_add(&t, l->name);
        text_add(&t, ": ");
        text_add_escaped(&t, line, 4 * LINE_SIZE);
        text_add(&t, "\n");
        if (write(l->fd, text, (size_t) (t.p - text)) < 0)
                l->n_lost++;
}

void log_message(ServiceLog *l, int level, const char *format, ...) {
        char line[LINE_SIZE];
        int saved = errno;
        va_list ap;

        assert(l);
        assert(format);

        if (level > l->level)
                return;

        va_start(ap, format);
        (void) vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        if (l->journal)
                to_journal(l, level, line);
        else
                to_stderr(l, line);
        errno = saved;
}
