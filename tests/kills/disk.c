/* Records what a process writes below one folder, in the order in which it
 * does so, so that a test can build the disk as a loss of power may leave it.
 *
 * Loaded before libc (LD_PRELOAD). DISK_FOLDER is the folder, with its links
 * resolved; DISK_JOURNAL is the file that is appended to. Each record: what
 * was done (one byte), the file's number on disk, an offset, a length, and that
 * many bytes.
 *
 *   O  a file was opened: its name; the offset is 1 if it was made by that
 *   W  bytes were written at the offset
 *   T  the file was cut, or made longer, to the offset
 *   S  all that was done to the file is on disk
 *   D  all names in the folder are on disk
 *   U  a name was removed
 *   R  a name became another: both, with a zero byte between
 *
 * What may be lost is recorded before it is done, what makes it last after:
 * a process that is killed in between has done less than is recorded, and
 * nobody was told that it did more.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int journal(void)
{
    static int fd = -1;
    const char *path = getenv("DISK_JOURNAL");
    if (fd < 0 && path)
        fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd;
}

static void record(char what, uint64_t file, uint64_t offset, const void *bytes, uint64_t length)
{
    char head[25];
    struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, length}};
    int saved = errno;
    head[0] = what;
    memcpy(head + 1, &file, 8);
    memcpy(head + 9, &offset, 8);
    memcpy(head + 17, &length, 8);
    if (journal() >= 0 && syscall(SYS_writev, journal(), parts, 2) != (long)(sizeof head + length))
        abort();
    errno = saved;
}

/* The name of a path below the folder; "" for the folder itself. */
static const char *below(const char *path)
{
    const char *folder = getenv("DISK_FOLDER");
    size_t length = folder ? strlen(folder) : 0;
    if (!length || strncmp(path, folder, length))
        return NULL;
    if (!path[length])
        return "";
    return path[length] == '/' ? path + length + 1 : NULL;
}

/* The same of any path, by the folder that it is in: the file need not be there. */
static const char *name_of(const char *path, char *space)
{
    char folder[PATH_MAX];
    const char *last = strrchr(path, '/');
    if (strlen(path) >= sizeof folder)
        return NULL;
    snprintf(folder, sizeof folder, "%.*s", last ? (int)(last - path) : 1, last ? path : ".");
    if (!realpath(*folder ? folder : "/", space))
        return NULL;
    snprintf(space + strlen(space), PATH_MAX - strlen(space), "/%s", last ? last + 1 : path);
    return below(space);
}

/* The name and the number of an open file below the folder. */
static const char *open_name(int fd, char *space, uint64_t *file)
{
    char link[64];
    struct stat status;
    ssize_t length;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, space, PATH_MAX - 1);
    if (length < 0)
        return NULL;
    space[length] = 0;
    if (!below(space) || fstat(fd, &status))
        return NULL;
    *file = status.st_ino;
    return below(space);
}

static int opened(int (*real)(int, const char *, int, ...), int at, const char *path, int flags, mode_t mode)
{
    char space[PATH_MAX];
    const char *name = path[0] == '/' || at == AT_FDCWD ? name_of(path, space) : NULL;
    uint64_t file;
    struct stat before;
    int made, fd;
    if (!name || !*name)
        return real(at, path, flags, mode);
    pthread_mutex_lock(&lock);
    made = (flags & O_CREAT) && stat(path, &before) != 0;
    fd = real(at, path, flags, mode);
    if (fd >= 0 && (name = open_name(fd, space, &file)) && *name) {
        record('O', file, made, name, strlen(name));
        if (flags & O_TRUNC)
            record('T', file, 0, "", 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name, at, path) \
    { \
        va_list more; \
        mode_t mode; \
        va_start(more, flags); \
        mode = (flags & O_CREAT) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return opened(REAL(name), at, path, flags, mode); \
    }

int openat(int at, const char *path, int flags, ...) OPEN(openat, at, path)
int openat64(int at, const char *path, int flags, ...) OPEN(openat64, at, path)
int open(const char *path, int flags, ...) OPEN(openat, AT_FDCWD, path)
int open64(const char *path, int flags, ...) OPEN(openat64, AT_FDCWD, path)

/* Does `call`, with `what` recorded first if the file is one of the folder's. */
#define RECORDED(fd, call, what) \
    { \
        char space[PATH_MAX]; \
        uint64_t file; \
        const char *name = open_name(fd, space, &file); \
        __typeof__(call) result; \
        if (!name || !*name) \
            return call; \
        pthread_mutex_lock(&lock); \
        what; \
        result = call; \
        pthread_mutex_unlock(&lock); \
        return result; \
    }

static uint64_t place(int fd)
{
    struct stat status;
    if ((fcntl(fd, F_GETFL) & O_APPEND) && !fstat(fd, &status))
        return (uint64_t)status.st_size;
    return (uint64_t)lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *bytes, size_t length)
    RECORDED(fd, REAL(write)(fd, bytes, length), record('W', file, place(fd), bytes, length))
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
    RECORDED(fd, REAL(pwrite)(fd, bytes, length, offset), record('W', file, (uint64_t)offset, bytes, length))
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
    RECORDED(fd, REAL(pwrite64)(fd, bytes, length, offset), record('W', file, (uint64_t)offset, bytes, length))
int ftruncate(int fd, off_t length)
    RECORDED(fd, REAL(ftruncate)(fd, length), record('T', file, (uint64_t)length, "", 0))
int ftruncate64(int fd, off64_t length)
    RECORDED(fd, REAL(ftruncate64)(fd, length), record('T', file, (uint64_t)length, "", 0))

static int synced(int (*real)(int), int fd)
{
    char space[PATH_MAX];
    uint64_t file = 0;
    const char *name = open_name(fd, space, &file);
    int result;
    if (!name)
        return real(fd);
    pthread_mutex_lock(&lock);
    result = real(fd);
    if (result == 0)
        record(*name ? 'S' : 'D', file, 0, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) { return synced(REAL(fsync), fd); }
int fdatasync(int fd) { return synced(REAL(fdatasync), fd); }

int unlink(const char *path)
{
    char space[PATH_MAX];
    const char *name = name_of(path, space);
    int result;
    if (!name || !*name)
        return REAL(unlink)(path);
    pthread_mutex_lock(&lock);
    if (access(path, F_OK) == 0)
        record('U', 0, 0, name, strlen(name));
    result = REAL(unlink)(path);
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to)
{
    char one[PATH_MAX], other[PATH_MAX], both[2 * PATH_MAX];
    const char *old = name_of(from, one), *name = name_of(to, other);
    int result;
    if (!old || !*old || !name || !*name)
        return REAL(rename)(from, to);
    pthread_mutex_lock(&lock);
    record('R', 0, 0, both, (uint64_t)snprintf(both, sizeof both, "%s%c%s", old, 0, name));
    result = REAL(rename)(from, to);
    pthread_mutex_unlock(&lock);
    return result;
}
