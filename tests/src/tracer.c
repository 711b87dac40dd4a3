/* Writes the calls of a process that matter to the order of its writes, as strace does, where a process cannot be traced.
   It is loaded into the process before the C library, whose functions it wraps. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int trace = -1, most = 32, with_paths = 0, with_received = 0;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("THINGS_TRACE"), *length = getenv("THINGS_TRACE_LENGTH");
    if (path) trace = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (length) most = atoi(length);
    with_paths = getenv("THINGS_TRACE_PATHS") != NULL;
    with_received = getenv("THINGS_TRACE_RECEIVED") != NULL;
}

/* A descriptor, and what it is, if that is wanted. */
static const char *name(int descriptor, char *text, size_t size) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = with_paths ? readlink(link, path, sizeof path - 1) : -1;
    if (length < 0) {
        snprintf(text, size, "%d", descriptor);
    } else {
        path[length] = 0;
        snprintf(text, size, "%d<%s>", descriptor, path);
    }
    return text;
}

/* One line is one write, so that lines of several threads do not mix. */
static void line(const char *text) {
    if (trace >= 0) syscall(SYS_write, trace, text, strlen(text));
}

static void data(const char *call, int descriptor, const char *bytes, ssize_t count) {
    char text[16384], fd[600];
    if (trace < 0 || count < 0 || descriptor == trace) return;
    size_t at = snprintf(text, sizeof text, "%ld %s(%s, \"", syscall(SYS_gettid), call, name(descriptor, fd, sizeof fd));
    for (ssize_t i = 0; i < count && i < most && at < sizeof text - 64; i++) {
        unsigned char byte = bytes[i];
        if (byte == '\n') at += snprintf(text + at, 8, "\\n");
        else if (byte == '\r') at += snprintf(text + at, 8, "\\r");
        else if (byte == '"' || byte == '\\') at += snprintf(text + at, 8, "\\%c", byte);
        else if (byte < 32 || byte > 126) at += snprintf(text + at, 8, "\\%o", byte);
        else text[at++] = byte;
    }
    snprintf(text + at, 64, "\"%s, %zd) = %zd\n", count > most ? "..." : "", count, count);
    line(text);
}

#define REAL(type, function, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #function))

#define SYNC(function)                                                                                             \
    int function(int descriptor) {                                                                                 \
        char text[1024], fd[600];                                                                                  \
        long thread = syscall(SYS_gettid);                                                                         \
        snprintf(text, sizeof text, "%ld %s(%s <unfinished ...>\n", thread, #function, name(descriptor, fd, sizeof fd)); \
        line(text);                                                                                                \
        int result = REAL(int, function, int)(descriptor), error = errno;                                          \
        snprintf(text, sizeof text, "%ld <... %s resumed>) = %d\n", thread, #function, result);                    \
        line(text);                                                                                                \
        errno = error;                                                                                             \
        return result;                                                                                             \
    }

SYNC(fsync)
SYNC(fdatasync)

/* What is sent is in the trace before it leaves. */
ssize_t write(int descriptor, const void *bytes, size_t count) {
    data("write", descriptor, bytes, count);
    return REAL(ssize_t, write, int, const void *, size_t)(descriptor, bytes, count);
}

ssize_t send(int descriptor, const void *bytes, size_t count, int flags) {
    data("sendto", descriptor, bytes, count);
    return REAL(ssize_t, send, int, const void *, size_t, int)(descriptor, bytes, count, flags);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    if (count > 0) data("writev", descriptor, parts[0].iov_base, parts[0].iov_len);
    return REAL(ssize_t, writev, int, const struct iovec *, int)(descriptor, parts, count);
}

/* What is received is in the trace after it came. */
ssize_t read(int descriptor, void *bytes, size_t count) {
    ssize_t result = REAL(ssize_t, read, int, void *, size_t)(descriptor, bytes, count);
    int error = errno;
    if (with_received) data("read", descriptor, bytes, result);
    errno = error;
    return result;
}

ssize_t recv(int descriptor, void *bytes, size_t count, int flags) {
    ssize_t result = REAL(ssize_t, recv, int, void *, size_t, int)(descriptor, bytes, count, flags);
    int error = errno;
    if (with_received) data("recvfrom", descriptor, bytes, result);
    errno = error;
    return result;
}
