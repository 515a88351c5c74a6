/*
 * The launcher: forks the supervisor's workers. It is compiled by Bun, and runs nothing but this from then on, since each
 * page that JavaScript would write to between two forks is a page that is copied.
 *
 *   supervisor ──FORK──▶ launcher ──fork──▶ worker ──▶ git
 *
 * It decides nothing, and remembers nothing. A worker that has ended stays a zombie, and so keeps its pid, until the
 * supervisor asks for it to be reaped. As a child subreaper it becomes the parent of what a killed worker leaves.
 */

#include "message.c"
#include "children.c"
#include "limits.c"
#include "group.c"
#include "worker.c"

/* Where a worker finds its streams are descriptors 0 to 3. GROUPS, which comes behind, is in group.c. */
enum { CONTROL = 4 };

/* The kernel doubles it: this is what an unprivileged process may have, and twice the default. */
static const int output_room = 208 * 1024;

/* What `launch` returns if it cannot begin. */
enum { NO_SUBREAPER = 1, NO_CHILDREN, NO_CONTROL, NO_GROUPS };

struct fork_order { u32 id; u32 group; u8 word[word_size]; };

static void settle(int first_unknown);
static void close_all_from(int first);
static void serve(const char *door);
static i32 fork_worker(const struct fork_order *order, const char *door);
static int connect_streams(const u8 *word, const char *door);
static int say_hello(const u8 *word, int stream);
static i32 reap_worker(i32 pid);
static void end_children(u64 grace_ms);

/*
 * @param control the supervisor's socket for messages
 * @param door the name of the socket where workers connect, in the working folder
 * @param groups the folder of the requests' control groups, or an empty string
 * @param grace_ms how long workers may take to end what they run when the supervisor is gone
 * @returns why it cannot begin; else it does not return
 */
int launch(int control, const char *door, const char *groups, int grace_ms) {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) return NO_SUBREAPER;
  if (signal_children(0, 0) < 0) return NO_CHILDREN;
  if (dup2(control, CONTROL) < 0) return NO_CONTROL;
  if (*groups && open_groups(groups) < 0) return NO_GROUPS;
  settle(*groups ? GROUPS + 1 : GROUPS);
  /* Somebody may have stopped it: it is to see that the supervisor is gone. */
  prctl(PR_SET_PDEATHSIG, SIGCONT, 0, 0, 0);
  if (transmit(CONTROL, LAUNCHING, "", 0) == 1) serve(door);
  end_children(grace_ms);
  _exit(0);
}

/* Leaves nothing of Bun's in the way of a worker: descriptors, handlers and blocked signals are inherited. */
static void settle(int first_unknown) {
  sigset blocked;
  prctl(PR_SET_NAME, "sluice-launcher", 0, 0, 0);
  if (syscall(SYS_close_range, first_unknown, ~0U, 0) < 0) close_all_from(first_unknown);
  for (int fd = 0; fd < CONTROL; fd++) close(fd);
  for (int number = 1; number <= last_signal; number++)
    if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
  /* A SIGTERM to all of a service is for git, and for the supervisor. */
  signal(SIGTERM, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, on_child);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGCHLD);
  sigprocmask(SIG_SETMASK, &blocked, 0);
}

/* For kernels before 5.9, and where close_range(2) is forbidden. */
static void close_all_from(int first) {
  struct rlimit limit;
  u64 end = getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 1024 : limit.soft;
  for (u64 fd = first; fd < end && fd < 1 << 20; fd++) close((int)fd);
}

/* Returns when the supervisor is gone, or says what cannot be understood. */
static void serve(const char *door) {
  struct head head;
  struct fork_order order;
  struct { u32 id; i32 pid; } forked;
  struct { i32 pid; i32 result; } reaped;
  while (receive(CONTROL, &head, sizeof head) == 1) {
    if (head.type == FORK && head.length == sizeof order) {
      if (receive(CONTROL, &order, sizeof order) != 1) return;
      forked.id = order.id;
      forked.pid = fork_worker(&order, door);
      if (transmit(CONTROL, FORKED, &forked, sizeof forked) != 1) return;
    } else if (head.type == REAP && head.length == sizeof reaped.pid) {
      if (receive(CONTROL, &reaped.pid, sizeof reaped.pid) != 1) return;
      reaped.result = reap_worker(reaped.pid);
      if (transmit(CONTROL, REAPED, &reaped, sizeof reaped) != 1) return;
    } else return;
  }
}

/* @returns its pid, or errno below zero */
static i32 fork_worker(const struct fork_order *order, const char *door) {
  i32 pid = -connect_streams(order->word, door);
  if (pid == 0) {
    pid = order->group ? fork_into(order->group) : fork();
    if (pid == 0) {
      close(CONTROL);
      if (order->group) close(GROUPS);
      lead_session();
      if (say_hello(order->word, CHANNEL) < 0) _exit(1);
      work();
    }
    if (pid < 0) pid = -errno;
  }
  for (int fd = INPUT; fd <= CHANNEL; fd++) close(fd);
  return pid;
}

/*
 * The streams become descriptors 0 to 3, which are free. git inherits all but the last. On that one the worker says itself
 * who it is: whoever hears it knows that its session is its own.
 *
 * @returns 0, or errno
 */
static int connect_streams(const u8 *word, const char *door) {
  u64 length = strlen(door);
  struct sockaddr_un address = { AF_UNIX, { 0 } };
  if (length >= sizeof address.path) return EPROTO;
  memcpy(address.path, door, length + 1);
  for (int stream = INPUT; stream <= CHANNEL; stream++) {
    int fd = socket(AF_UNIX, stream == CHANNEL ? SOCK_STREAM | SOCK_CLOEXEC : SOCK_STREAM, 0);
    if (fd < 0) return errno;
    if (fd != stream) {
      close(fd);
      return EPROTO;
    }
    /* git writes on while the supervisor waits for more. Where the kernel grants less, that is well, too. */
    if (stream == OUTPUT) (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &output_room, sizeof output_room);
    if (connect(fd, &address, sizeof address) < 0) return errno;
    if (stream != CHANNEL && say_hello(word, stream) < 0) return errno;
  }
  return 0;
}

/* @returns 0, or -1 with errno. So few bytes are sent at once, or not at all. */
static int say_hello(const u8 *word, int stream) {
  u8 hello[word_size + 1];
  memcpy(hello, word, word_size);
  hello[word_size] = (u8)stream;
  return send(stream, hello, sizeof hello, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/*
 * A worker's connections close a moment before it can be reaped. So that nobody has to ask twice, that moment is waited
 * for, if not longer.
 *
 * @returns 1, or 0 where it has not ended, or errno below zero
 */
static i32 reap_worker(i32 pid) {
  struct timespec moment = { 0, 100000 };
  i32 result = 0;
  if (pid <= 0) return -ECHILD;
  for (int look = 0; look < 20 && (result = waitpid(pid, 0, WNOHANG)) == 0; look++) nanosleep(&moment, 0);
  return result > 0 ? 1 : result < 0 ? -errno : 0;
}

/*
 * The supervisor is gone. Workers see to what they run, and ignore SIGTERM; so that is for what workers which were killed
 * have left.
 */
static void end_children(u64 grace_ms) {
  u64 deadline = now_ms() + grace_ms;
  signal_children(SIGTERM, 1);
  for (;;) {
    i32 pid;
    while ((pid = waitpid(-1, 0, WNOHANG)) > 0) continue;
    if (pid < 0) return;
    u64 now = now_ms();
    if (now >= deadline) signal_children(SIGKILL, 1);
    sleep_until(-1, now >= deadline ? now + 20 : deadline);
  }
}
