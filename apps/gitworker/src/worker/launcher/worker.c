/*
 * A worker: the leader of a session, which runs one git in it, is the parent of whatever git leaves behind, and is gone when
 * nothing of that lives. The launcher has forked it, with a connection to the supervisor in the place of each of git's
 * standard streams, and one for messages.
 *
 *   waiting ──COMMAND──▶ serving ──git has exited, no child is left──▶ exit
 *      │                    │ SIGNAL: passed on
 *      │                    └─ the channel is lost ─▶ ending: a grace, SIGTERM, a grace, SIGKILL ──no child is left──▶ exit
 *      └── the channel is lost ──▶ exit
 *
 * When and why something is signalled is the supervisor's to say; what is done without it is fixed. As long as the worker
 * lives, its pid cannot be reused, so its group's number cannot be a stranger's.
 *
 * It was forked from a process with threads: only async-signal-safe functions may be called.
 */

enum { INPUT, OUTPUT, ERRORS, CHANNEL };

/* What could not be done on the way to git. */
enum step { RECEIVING, FORKING, LIMITING, ENTERING_FOLDER, EXECUTING };

struct failure { i32 error; u32 step; };

/* While it ends by itself: when which signal comes. */
enum ending { NOT_ENDING, BEFORE_TERM, BEFORE_KILL, KILLING };

struct worker {
  struct command command;
  /* 0 once it has exited. */
  i32 git;
  enum ending ending;
  u64 next_ms;
  int has_channel;
  int was_left;
};

static void lead_session(void);
static void work(void);
static int receive_command(struct command *);
static i32 start_git(const struct command *, struct failure *);
static void become_git(const struct command *, volatile struct failure *);
static void guard(struct worker *);
static int reap(struct worker *);
static void hear(struct worker *);
static void end(struct worker *);
static void terminate(void);

/* Comes first: before it, the supervisor cannot tell a worker from the launcher. */
static void lead_session(void) {
  if (setsid() < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) _exit(1);
  prctl(PR_SET_NAME, "sluice-worker", 0, 0, 0);
}

static void work(void) {
  struct worker worker;
  struct failure failure = { 0, RECEIVING };
  int received = receive_command(&worker.command);
  if (received == 0) _exit(0);
  if (received < 0) failure.error = errno;
  worker.git = received < 0 ? -1 : start_git(&worker.command, &failure);
  if (worker.git < 0) {
    transmit(CHANNEL, NOT_STARTED, &failure, sizeof failure);
    _exit(0);
  }
  /* Whoever reads git's output would never see its end if it was open here, too. */
  close(INPUT);
  close(OUTPUT);
  close(ERRORS);
  worker.ending = NOT_ENDING;
  worker.next_ms = 0;
  worker.has_channel = 1;
  worker.was_left = 0;
  guard(&worker);
  _exit(0);
}

/* @returns 1, or 0 where the supervisor has closed, or -1 with errno */
static int receive_command(struct command *command) {
  struct head head;
  int received = receive(CHANNEL, &head, sizeof head);
  if (received <= 0) return received;
  errno = EPROTO;
  if (head.type != COMMAND || head.length > longest_command) return -1;
  u8 *body = mmap(0, (u64)head.length + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (body == MAP_FAILED) return -1;
  received = receive(CHANNEL, body, head.length);
  if (received <= 0) return received;
  u64 pointers = pointers_of(body, head.length);
  errno = EPROTO;
  if (!pointers) return -1;
  char **room = mmap(0, pointers * sizeof *room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return -1;
  errno = EPROTO;
  return parse_command(body, head.length, room, command) ? 1 : -1;
}

/*
 * vfork(2) copies no page tables, and lets the child say in our own memory what has failed.
 *
 * @returns git's pid, or -1 with the failure
 */
static i32 start_git(const struct command *command, struct failure *failure) {
  volatile struct failure shared = { 0, FORKING };
  i32 pid = vfork();
  if (pid == 0) become_git(command, &shared);
  if (pid < 0) shared.error = errno;
  if (pid > 0 && shared.error != 0) waitpid(pid, 0, 0);
  failure->error = shared.error;
  failure->step = shared.step;
  return shared.error == 0 ? pid : -1;
}

/* In the child, on its parent's memory. Does not return. */
static void become_git(const struct command *command, volatile struct failure *failure) {
  sigset none;
  sigemptyset(&none);
  signal(SIGTERM, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, 0);
  failure->step = LIMITING;
  if (set_limits(command) < 0) goto failed;
  failure->step = ENTERING_FOLDER;
  if (chdir(command->folder) < 0) goto failed;
  failure->step = EXECUTING;
  int is_denied = 0;
  errno = ENOENT;
  for (char **program = command->programs; *program; program++) {
    execve(*program, command->arguments, command->variables);
    if (errno == EACCES) is_denied = 1;
    else if (errno != ENOENT && errno != ENOTDIR) goto failed;
  }
  if (is_denied) errno = EACCES;
failed:
  failure->error = errno;
  _exit(127);
}

/* Returns when no child is left, which is the kernel's own word that nothing of the request lives. */
static void guard(struct worker *worker) {
  while (reap(worker)) {
    if (worker->ending != NOT_ENDING) end(worker);
    if (sleep_until(worker->has_channel ? CHANNEL : -1, worker->next_ms)) hear(worker);
  }
}

/* @returns whether children are left */
static int reap(struct worker *worker) {
  struct rusage usage, of_git;
  int status, git_status = 0, has_exited = 0;
  i32 pid;
  while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
    if (pid != worker->git) continue;
    has_exited = 1;
    git_status = status;
    of_git = usage;
    worker->git = 0;
  }
  u32 is_left = pid == 0;
  if (has_exited) {
    worker->was_left = is_left;
    struct { u32 status, is_left; u64 cpu_us, max_rss; } report = {
      (u32)git_status, is_left,
      (u64)(of_git.user.seconds + of_git.system.seconds) * 1000000 + of_git.user.microseconds + of_git.system.microseconds,
      (u64)of_git.maxrss * 1024
    };
    transmit(CHANNEL, EXITED, &report, sizeof report);
  }
  if (!is_left && worker->was_left) transmit(CHANNEL, EMPTY, "", 0);
  return is_left;
}

static void hear(struct worker *worker) {
  struct head head;
  u32 signal;
  if (receive(CHANNEL, &head, sizeof head) == 1 && head.type == SIGNAL && head.length == sizeof signal &&
      receive(CHANNEL, &signal, sizeof signal) == 1) {
    if (signal == SIGTERM) terminate();
    else worker->ending = KILLING;
    return;
  }
  worker->has_channel = 0;
  if (worker->ending != NOT_ENDING) return;
  worker->ending = BEFORE_TERM;
  worker->next_ms = now_ms() + (worker->git ? worker->command.head.term_ms : 0);
}

static void end(struct worker *worker) {
  u64 now = now_ms();
  if (worker->ending == BEFORE_TERM && now >= worker->next_ms) {
    terminate();
    worker->ending = BEFORE_KILL;
    worker->next_ms = now + worker->command.head.kill_ms;
  }
  if (worker->ending == BEFORE_KILL && now >= worker->next_ms) worker->ending = KILLING;
  if (worker->ending != KILLING) return;
  /* Each child that dies hands its own children to us: they are looked for again. */
  signal_children(SIGKILL, 1);
  worker->next_ms = now + 20;
}

/* The group at once, so that nothing is missed that is being forked, and whoever is not in it. The worker ignores it. */
static void terminate(void) {
  kill(-getpid(), SIGTERM);
  signal_children(SIGTERM, 0);
}
