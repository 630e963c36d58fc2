// libc.so beside a copy of safed, and preloaded into it: CLOCK_BOOTTIME as after a sleep of the machine, CLOCK_REALTIME as after somebody
// set it, by as many seconds as OFFSETS (two numbers of 64 bits) says at the moment. CLOCK_MONOTONIC stays: it stands still while Linux sleeps.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t offset(int which)
{
    static volatile int64_t *offsets;
    if (!offsets) {
        int fd = open(OFFSETS, O_RDONLY | O_CLOEXEC);
        void *at = fd < 0 ? MAP_FAILED : mmap(0, 16, PROT_READ, MAP_SHARED, fd, 0);
        if (fd >= 0)
            close(fd);
        if (at == MAP_FAILED)
            return 0;
        offsets = at;
    }
    return offsets[which];
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_BOOTTIME)
        time->tv_sec += offset(0);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        time->tv_sec += offset(1);
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}
