#define _GNU_SOURCE
#include "capus_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int result_of(int status) { return status < 0 ? -errno : status; }

int capus_open(const char *path, int mode) {
    int flags = O_CLOEXEC;
    switch (mode) {
    case CAPUS_OPEN_READ: flags |= O_RDONLY; break;
    case CAPUS_OPEN_READ_WRITE: flags |= O_RDWR; break;
    case CAPUS_OPEN_CREATE_NEW: flags |= O_RDWR | O_CREAT | O_EXCL; break;
    case CAPUS_OPEN_CREATE_EMPTY: flags |= O_RDWR | O_CREAT | O_TRUNC; break;
    case CAPUS_OPEN_CREATE_OR_KEEP: flags |= O_RDWR | O_CREAT; break;
    default: return -EINVAL;
    }
    int descriptor;
    do {
        descriptor = open(path, flags, 0644);
    } while (descriptor < 0 && errno == EINTR);
    return result_of(descriptor);
}

// Not repeated after EINTR: Linux has closed the descriptor by then.
int capus_close(int descriptor) { return result_of(close(descriptor)); }

int64_t capus_read(int descriptor, void *target, size_t count, int64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t moved = pread(descriptor, (char *)target + done, count - done, offset + (off_t)done);
        if (moved < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        if (moved == 0) break;
        done += (size_t)moved;
    }
    return (int64_t)done;
}

int capus_write(int descriptor, const void *source, size_t count, int64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t moved =
            pwrite(descriptor, (const char *)source + done, count - done, offset + (off_t)done);
        if (moved < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        if (moved == 0) return -EIO;
        done += (size_t)moved;
    }
    return 0;
}

int64_t capus_size(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) < 0 ? -errno : (int64_t)status.st_size;
}

int capus_truncate(int descriptor, int64_t size) {
    int status;
    do {
        status = ftruncate(descriptor, (off_t)size);
    } while (status < 0 && errno == EINTR);
    return result_of(status);
}

// posix_fallocate would write zeros where the file system cannot allocate; the caller prefers to
// know, and to go on without.
int capus_allocate(int descriptor, int64_t offset, int64_t count) {
#ifdef __linux__
    int status;
    do {
        status = fallocate(descriptor, 0, (off_t)offset, (off_t)count);
    } while (status < 0 && errno == EINTR);
    if (status < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) return -ENOTSUP;
    return result_of(status);
#else
    (void)descriptor, (void)offset, (void)count;
    return -ENOTSUP;
#endif
}

// Not repeated after EIO by anybody: the kernel may have marked the lost pages clean, and a second
// call would then report success.
int capus_sync_file(int descriptor) {
    int status;
    do {
#ifdef __APPLE__
        status = fcntl(descriptor, F_FULLFSYNC);
        // Volumes that do not know the call.
        if (status < 0 && (errno == ENOTSUP || errno == ENOTTY)) status = fsync(descriptor);
#else
        status = fdatasync(descriptor);
#endif
    } while (status < 0 && errno == EINTR);
    return result_of(status);
}

int capus_sync_directory(const char *path) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return -errno;
#ifdef __APPLE__
    // Plain fsync leaves the entries in the drive's cache.
    int result = capus_sync_file(descriptor);
#else
    int status;
    do {
        status = fsync(descriptor);
    } while (status < 0 && errno == EINTR);
    int result = result_of(status);
#endif
    close(descriptor);
    return result;
}

int64_t capus_free_bytes(const char *path) {
    struct statvfs status;
    if (statvfs(path, &status) < 0) return -errno;
    unsigned long long bytes = (unsigned long long)status.f_bavail * status.f_frsize;
    return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

int capus_map(int descriptor, size_t size, const void **mapped) {
    void *address = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (address == MAP_FAILED) return -errno;
    *mapped = address;
    return 0;
}

int capus_unmap(const void *mapped, size_t size) {
    return result_of(munmap((void *)mapped, size));
}

int capus_populate(const void *mapped, size_t size) {
#ifdef MADV_POPULATE_READ
    int status;
    do {
        status = madvise((void *)mapped, size, MADV_POPULATE_READ);
    } while (status < 0 && (errno == EINTR || errno == EAGAIN));
    // Older kernels answer EINVAL.
    if (status < 0 && (errno == EFAULT || errno == EHWPOISON)) return -EIO;
#else
    (void)mapped, (void)size;
#endif
    return 0;
}

int capus_advise(const void *mapped, size_t size, int advice) {
    int flag;
    switch (advice) {
    case CAPUS_ADVICE_NORMAL: flag = MADV_NORMAL; break;
    case CAPUS_ADVICE_WILL_NEED: flag = MADV_WILLNEED; break;
    case CAPUS_ADVICE_RANDOM: flag = MADV_RANDOM; break;
    case CAPUS_ADVICE_SEQUENTIAL: flag = MADV_SEQUENTIAL; break;
    default: return -EINVAL;
    }
    return result_of(madvise((void *)mapped, size, flag));
}

int capus_rename(const char *from, const char *to) { return result_of(rename(from, to)); }
int capus_link(const char *from, const char *to) { return result_of(link(from, to)); }
int capus_remove_file(const char *path) { return result_of(unlink(path)); }
int capus_make_directory(const char *path) { return result_of(mkdir(path, 0755)); }
int capus_remove_directory(const char *path) { return result_of(rmdir(path)); }

int capus_kind_of(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    return S_ISDIR(status.st_mode) ? 2 : 1;
}

int capus_is_link(const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    return S_ISLNK(status.st_mode) ? 1 : 0;
}

int capus_list(const char *path, void *context, void (*visit)(void *, const char *)) {
    DIR *directory = opendir(path);
    if (directory == NULL) return -errno;
    int result = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            result = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            visit(context, entry->d_name);
        }
    }
    closedir(directory);
    return result;
}

int capus_lock(int descriptor) {
    int status;
    do {
        status = flock(descriptor, LOCK_EX | LOCK_NB);
    } while (status < 0 && errno == EINTR);
    return result_of(status);
}

int capus_process_id(void) { return (int)getpid(); }

int capus_classify(int result) {
    switch (-result) {
    case ENOENT:
    case ENOTDIR: return CAPUS_FAILURE_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY: return CAPUS_FAILURE_ALREADY_EXISTS;
    case EWOULDBLOCK: return CAPUS_FAILURE_LOCKED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return CAPUS_FAILURE_OUT_OF_SPACE;
    case ENOTSUP: return CAPUS_FAILURE_UNSUPPORTED;
    case EROFS:
    case EACCES:
    case EPERM: return CAPUS_FAILURE_READ_ONLY;
    default: return CAPUS_FAILURE_OTHER;
    }
}

void capus_describe(int result, char *text, size_t capacity) {
    if (capacity == 0) return;
#if defined(__GLIBC__)
    const char *message = strerror_r(-result, text, capacity);
    if (message != text) snprintf(text, capacity, "%s", message);
#else
    if (strerror_r(-result, text, capacity) != 0) snprintf(text, capacity, "error %d", -result);
#endif
}
