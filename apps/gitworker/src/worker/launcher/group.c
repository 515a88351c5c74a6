/* The control group of a worker, and so of all that its git starts. The supervisor has made it: process/control-group. */

/* The descriptor of the folder that has all of them. */
enum { GROUPS = 5 };

static i32 fork_and_join(int folder);

/* git does not inherit it. */
static int open_groups(const char *groups) {
  int folder = open(groups, O_PATH | O_CLOEXEC);
  return folder < 0 || folder == GROUPS ? folder : dup3(folder, GROUPS, O_CLOEXEC);
}

/*
 * A process that is born in a control group costs no more than any other. Joining one takes 10 ms and more, since the kernel
 * waits for all processors; so this is only for where clone3(2) is forbidden, or unknown.
 *
 * @returns as fork(2)
 */
static i32 fork_into(u32 group) {
  char text[12];
  int folder = openat(GROUPS, decimal(group, text), O_PATH | O_CLOEXEC);
  if (folder < 0) return -1;
  struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (u64)folder };
  i32 pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0 && (errno == ENOSYS || errno == EPERM)) pid = fork_and_join(folder);
  int error = errno;
  close(folder);
  errno = error;
  return pid;
}

/* A child that cannot join ends, and its worker does not connect. */
static i32 fork_and_join(int folder) {
  i32 pid = fork();
  if (pid == 0 && write_file(folder, "cgroup.procs", "0") < 0) _exit(1);
  return pid;
}
