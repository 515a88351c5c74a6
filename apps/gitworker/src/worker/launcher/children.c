/* The children of this process: what it has forked, and, as it is a child subreaper, what has lost its own parent. */

/* @returns -1 where the kernel does not list them */
static int signal_children(int signal, int is_for_own_group) {
  int list = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (list < 0) return -1;
  char text[512];
  long count;
  i32 pid = 0, group = getpgid(0);
  while ((count = read(list, text, sizeof text)) > 0) {
    for (long index = 0; index < count; index++) {
      if (text[index] >= '0' && text[index] <= '9') {
        pid = pid * 10 + (text[index] - '0');
        continue;
      }
      /* Unreaped: its pid cannot be anybody else's, and if it has just ended, that does no harm. */
      if (pid > 0 && (is_for_own_group || getpgid(pid) != group)) kill(pid, signal);
      pid = 0;
    }
  }
  close(list);
  return count < 0 ? -1 : 0;
}

static u64 now_ms(void) {
  struct timespec now = { 0, 0 };
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (u64)now.seconds * 1000 + (u64)now.nanoseconds / 1000000;
}

/*
 * Sleeps until a child ends, something can be read from `fd`, or it is `until_ms`. SIGCHLD must be blocked: here, and only
 * here, it comes.
 *
 * @param fd or -1
 * @param until_ms or 0: however long it takes
 * @returns whether something can be read
 */
static int sleep_until(int fd, u64 until_ms) {
  struct pollfd polled = { fd, POLLIN, 0 };
  struct timespec rest = { 0, 0 };
  sigset none;
  u64 now = until_ms ? now_ms() : 0;
  if (until_ms > now) {
    rest.seconds = (until_ms - now) / 1000;
    rest.nanoseconds = (until_ms - now) % 1000 * 1000000;
  }
  sigemptyset(&none);
  return ppoll(&polled, fd < 0 ? 0 : 1, until_ms ? &rest : 0, &none) > 0;
}

/* Its being called is what wakes `sleep_until`. */
static void on_child(int signal) {
  (void)signal;
}
