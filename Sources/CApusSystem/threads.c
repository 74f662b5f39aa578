#define _GNU_SOURCE
#include "capus_system.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct capus_monitor {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

capus_monitor *capus_monitor_create(void) {
    capus_monitor *monitor = malloc(sizeof *monitor);
    if (monitor == NULL) return NULL;
    pthread_mutex_init(&monitor->mutex, NULL);
#ifdef __APPLE__
    pthread_cond_init(&monitor->changed, NULL);
#else
    // Waits with a limit go by a clock that nobody sets.
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&monitor->changed, &attributes);
    pthread_condattr_destroy(&attributes);
#endif
    return monitor;
}

void capus_monitor_destroy(capus_monitor *monitor) {
    pthread_cond_destroy(&monitor->changed);
    pthread_mutex_destroy(&monitor->mutex);
    free(monitor);
}

void capus_monitor_lock(capus_monitor *monitor) { pthread_mutex_lock(&monitor->mutex); }
void capus_monitor_unlock(capus_monitor *monitor) { pthread_mutex_unlock(&monitor->mutex); }
void capus_monitor_wait(capus_monitor *monitor) {
    pthread_cond_wait(&monitor->changed, &monitor->mutex);
}
void capus_monitor_wait_for(capus_monitor *monitor, int64_t nanoseconds) {
    const int64_t second = 1000000000;
    if (nanoseconds < 0) nanoseconds = 0;
    struct timespec limit;
#ifdef __APPLE__
    limit.tv_sec = (time_t)(nanoseconds / second);
    limit.tv_nsec = (long)(nanoseconds % second);
    pthread_cond_timedwait_relative_np(&monitor->changed, &monitor->mutex, &limit);
#else
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += (time_t)(nanoseconds / second);
    limit.tv_nsec += (long)(nanoseconds % second);
    if (limit.tv_nsec >= second) {
        limit.tv_sec += 1;
        limit.tv_nsec -= (long)second;
    }
    pthread_cond_timedwait(&monitor->changed, &monitor->mutex, &limit);
#endif
}
void capus_monitor_broadcast(capus_monitor *monitor) { pthread_cond_broadcast(&monitor->changed); }

struct start {
    void *context;
    void (*body)(void *);
    char name[16];
};

static void *run(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
#ifdef __APPLE__
    pthread_setname_np(start.name);
#else
    pthread_setname_np(pthread_self(), start.name);
#endif
    start.body(start.context);
    return NULL;
}

int capus_thread_start(const char *name, void *context, void (*body)(void *)) {
    struct start *start = malloc(sizeof *start);
    if (start == NULL) return -ENOMEM;
    start->context = context;
    start->body = body;
    strncpy(start->name, name, sizeof start->name - 1);
    start->name[sizeof start->name - 1] = 0;

    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    int status = pthread_create(&thread, &attributes, run, start);
    pthread_attr_destroy(&attributes);
    if (status != 0) free(start);
    return -status;
}
