/* A machine whose disk and clock do as a test says: read, before each call, from the file that SIGNALBOX_TEST_MACHINE names.
   `full`: the files of the store take nothing more. `broken-sync`: they cannot be synced. `clock N`: the clock shows N seconds
   more than it should. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static void said(char *text, size_t size) {
    const char *path = getenv("SIGNALBOX_TEST_MACHINE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t length = file < 0 ? 0 : read(file, text, size - 1);
    if (file >= 0) close(file);
    text[length > 0 ? length : 0] = 0;
}

static int happens(const char *what, int file) {
    char link[64], name[4096], text[128];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length <= 0) return 0;
    name[length] = 0;
    if (!strstr(name, "/store.db")) return 0;
    said(text, sizeof text);
    return strstr(text, what) != NULL;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) {
    REAL(pwrite);
    if (happens("full", file)) { errno = ENOSPC; return -1; }
    return real(file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) {
    REAL(pwrite64);
    if (happens("full", file)) { errno = ENOSPC; return -1; }
    return real(file, bytes, size, at);
}

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(write);
    if (happens("full", file)) { errno = ENOSPC; return -1; }
    return real(file, bytes, size);
}

int fsync(int file) {
    REAL(fsync);
    if (happens("broken-sync", file)) { errno = EIO; return -1; }
    return real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    if (happens("broken-sync", file)) { errno = EIO; return -1; }
    return real(file);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    REAL(clock_gettime);
    int failed = real(which, now);
    char text[128], *clock;
    if (failed || which != CLOCK_REALTIME) return failed;
    said(text, sizeof text);
    if ((clock = strstr(text, "clock "))) now->tv_sec += atoll(clock + strlen("clock "));
    return 0;
}
