// System calls for ApusStorage and the threads of the engine, with one convention: a result below
// zero is the negated errno, everything else is success. Calls that a signal interrupts are
// repeated; reads and writes go on until all bytes are moved or an error (or the end) comes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How `capus_open` opens.
enum capus_open_mode {
    CAPUS_OPEN_READ = 0,           ///< an existing file, for reading
    CAPUS_OPEN_READ_WRITE = 1,     ///< an existing file
    CAPUS_OPEN_CREATE_NEW = 2,     ///< EEXIST when it is there
    CAPUS_OPEN_CREATE_EMPTY = 3,   ///< cut to nothing when it is there
    CAPUS_OPEN_CREATE_OR_KEEP = 4, ///< kept as it is when it is there
};

/// Opens a file (mode 0644 when created, closed on exec). The descriptor, or -errno.
int capus_open(const char *_Nonnull path, int mode);
int capus_close(int descriptor);

/// Reads up to `count` bytes at `offset`; fewer only at the end of the file. Bytes read or -errno.
int64_t capus_read(int descriptor, void *_Nullable target, size_t count, int64_t offset);
/// Writes all `count` bytes at `offset`. 0 or -errno; after an error any part may be written.
int capus_write(int descriptor, const void *_Nullable source, size_t count, int64_t offset);
int64_t capus_size(int descriptor);
int capus_truncate(int descriptor, int64_t size);
/// Gives the file blocks for `count` bytes from `offset` on, all zero; it grows when it ends before.
/// -ENOTSUP when the file system (or this system) cannot.
int capus_allocate(int descriptor, int64_t offset, int64_t count);
/// Data and size on disk (fdatasync; F_FULLFSYNC on Apple systems).
int capus_sync_file(int descriptor);
int capus_sync_directory(const char *_Nonnull path);
/// Bytes that the file system which holds the path can still take from this user.
int64_t capus_free_bytes(const char *_Nonnull path);

/// Maps `size` > 0 bytes for reading; the descriptor may be closed afterwards.
int capus_map(int descriptor, size_t size, const void *_Nullable *_Nonnull mapped);
int capus_unmap(const void *_Nonnull mapped, size_t size);
/// Reads the pages of a mapping in. -EIO where the disk does not give them, for which a plain read
/// of the memory would end the process. 0 as well where the system cannot tell.
int capus_populate(const void *_Nonnull mapped, size_t size);

enum capus_advice {
    CAPUS_ADVICE_NORMAL = 0,
    CAPUS_ADVICE_WILL_NEED = 1,
    CAPUS_ADVICE_RANDOM = 2,
    CAPUS_ADVICE_SEQUENTIAL = 3,
};
int capus_advise(const void *_Nonnull mapped, size_t size, int advice);

int capus_rename(const char *_Nonnull from, const char *_Nonnull to);
int capus_link(const char *_Nonnull from, const char *_Nonnull to);
int capus_remove_file(const char *_Nonnull path);
int capus_make_directory(const char *_Nonnull path);
int capus_remove_directory(const char *_Nonnull path);
/// 0: nothing there, 1: a file, 2: a directory, or -errno.
int capus_kind_of(const char *_Nonnull path);
/// 1: a symbolic link, 0: anything else or nothing, or -errno.
int capus_is_link(const char *_Nonnull path);
/// Calls `visit` with each entry but "." and "..", in no order.
int capus_list(
    const char *_Nonnull path, void *_Nullable context,
    void (*_Nonnull visit)(void *_Nullable context, const char *_Nonnull name));

/// An exclusive advisory lock on the open file, without waiting: -EWOULDBLOCK when taken.
int capus_lock(int descriptor);

int capus_process_id(void);

/// What an errno means to a storage engine.
enum capus_failure {
    CAPUS_FAILURE_OTHER = 0,
    CAPUS_FAILURE_NOT_FOUND = 1,
    CAPUS_FAILURE_ALREADY_EXISTS = 2,
    CAPUS_FAILURE_LOCKED = 3,
    CAPUS_FAILURE_OUT_OF_SPACE = 4,
    CAPUS_FAILURE_READ_ONLY = 5,
    CAPUS_FAILURE_UNSUPPORTED = 6,
};
/// The meaning of -`result`, where `result` is what a call above returned.
int capus_classify(int result);
/// The system's text for -`result`, always terminated.
void capus_describe(int result, char *_Nonnull text, size_t capacity);

/// A mutex with one condition variable.
typedef struct capus_monitor capus_monitor;
capus_monitor *_Nullable capus_monitor_create(void);
void capus_monitor_destroy(capus_monitor *_Nonnull monitor);
void capus_monitor_lock(capus_monitor *_Nonnull monitor);
void capus_monitor_unlock(capus_monitor *_Nonnull monitor);
/// Releases the mutex, sleeps until a broadcast (or for no reason), takes the mutex again.
void capus_monitor_wait(capus_monitor *_Nonnull monitor);
/// The same, and returns after `nanoseconds` of a monotonic clock at the latest.
void capus_monitor_wait_for(capus_monitor *_Nonnull monitor, int64_t nanoseconds);
void capus_monitor_broadcast(capus_monitor *_Nonnull monitor);

/// Starts a detached thread that calls `body(context)`. 0 or -errno.
int capus_thread_start(
    const char *_Nonnull name, void *_Nullable context,
    void (*_Nonnull body)(void *_Nullable context));

#ifdef __cplusplus
}
#endif
