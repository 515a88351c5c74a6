/* What the process that becomes git sets for itself, and so for all that it starts. Runs after vfork(2). */

/* @param folder a descriptor, or AT_FDCWD */
static int write_file(int folder, const char *path, const char *text) {
  int file = openat(folder, path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return -1;
  long written = write(file, text, strlen(text));
  int error = errno;
  close(file);
  errno = error;
  return written < 0 ? -1 : 0;
}

/* @returns `text`, of at least 12 bytes, or where in it the number begins */
static char *decimal(i32 number, char *text) {
  u32 rest = number < 0 ? -(u32)number : (u32)number;
  char *digit = text + 11;
  *digit = 0;
  do *--digit = '0' + rest % 10;
  while ((rest /= 10) > 0);
  if (number < 0) *--digit = '-';
  return digit;
}

/* Only root may raise one: what is higher than the present one leaves that. */
static int lower_limit(const struct limit *wanted) {
  struct rlimit limit;
  if (getrlimit((int)wanted->resource, &limit) < 0) return -1;
  if (wanted->hard < limit.hard) limit.hard = wanted->hard;
  if (wanted->soft < limit.soft) limit.soft = wanted->soft;
  if (limit.soft > limit.hard) limit.soft = limit.hard;
  return setrlimit((int)wanted->resource, &limit);
}

static int set_limits(const struct command *command) {
  char text[12];
  for (u32 index = 0; index < command->head.limits; index++)
    if (lower_limit(&command->limits[index]) < 0) return -1;
  if (command->head.niceness != 0 && setpriority(PRIO_PROCESS, 0, command->head.niceness) < 0) return -1;
  if (command->head.oom_score_adj == 0) return 0;
  return write_file(AT_FDCWD, "/proc/self/oom_score_adj", decimal(command->head.oom_score_adj, text));
}
