/* Loaded before the C library: while the file named by SYNC_FAULT_FILE exists, no sync of a file succeeds. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(void) {
  const char *file = getenv("SYNC_FAULT_FILE");
  return file != NULL && syscall(SYS_faccessat, -100, file, F_OK) == 0;
}

int fdatasync(int fd) {
  if (fails()) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
  if (fails()) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(SYS_fsync, fd);
}
