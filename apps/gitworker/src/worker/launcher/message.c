/*
 * Messages between the supervisor and launcher or worker. Numbers are little-endian, as the machine's own are. Each
 * message is a head and a body:
 *
 *   u32 length of the body, u8 type
 *
 *   to the launcher     FORK         u32 id, u32 control group or 0, 16 bytes: the worker's word     answered by FORKED
 *                       REAP         i32 pid                                 answered by REAPED
 *   from the launcher   LAUNCHING                                            once: it has compiled, and takes messages
 *                       FORKED       u32 id, i32 pid, or errno below zero
 *                       REAPED       i32 pid, i32 1: reaped; 0: it has not ended; errno below zero
 *
 *   to a worker         COMMAND      see struct command_head                 the first one, and once
 *                       SIGNAL       u32 SIGTERM or SIGKILL                  to all that its git has started
 *   from a worker       EXITED       u32 status of wait(2), u32 1: something outlived git, u64 CPU in microseconds,
 *                                    u64 bytes of the largest resident set
 *                       NOT_STARTED  u32 errno, u32 step: see enum step      nothing runs
 *                       EMPTY                                                what outlived git has ended
 *
 * A worker has four connections to the supervisor. Each begins with its word and a byte that says which one it is.
 */

#include "libc.h"

enum type {
  FORK = 'F', REAP = 'R', LAUNCHING = 'L', FORKED = 'f', REAPED = 'r',
  COMMAND = 'C', SIGNAL = 'S', EXITED = 'X', NOT_STARTED = 'N', EMPTY = 'E'
};

enum { word_size = 16, longest_command = 1 << 20 };

struct head { u32 length; u8 type; } __attribute__((packed));

/* Followed by the limits, and by strings, each with a zero byte behind it: folder, programs, arguments, variables. */
struct command_head {
  u32 term_ms;
  u32 kill_ms;
  u32 limits;
  u32 programs;
  u32 arguments;
  u32 variables;
  i32 niceness;
  i32 oom_score_adj;
};

/* As for setrlimit(2). */
struct limit { u64 resource; u64 soft; u64 hard; };

struct command {
  struct command_head head;
  const struct limit *limits;
  /* git's working folder. */
  char *folder;
  /* Where the program may be: the first one that can be run is. These three end with a null pointer. */
  char **programs;
  char **arguments;
  char **variables;
};

/* @returns 1, or 0 where the other side has closed, or -1 */
static int receive(int fd, void *into, u64 size) {
  u8 *next = into;
  while (size > 0) {
    long count = read(fd, next, size);
    if (count == 0) return 0;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    next += count;
    size -= count;
  }
  return 1;
}

/* @returns 1, or -1 where the other side takes no more */
static int transmit(int fd, u8 type, const void *body, u32 size) {
  u8 message[64];
  struct head head = { size, type };
  if (sizeof head + size > sizeof message) return -1;
  memcpy(message, &head, sizeof head);
  memcpy(message + sizeof head, body, size);
  u64 sent = 0, whole = sizeof head + size;
  while (sent < whole) {
    long count = send(fd, message + sent, whole - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return -1;
    sent += count;
  }
  return 1;
}

/* How many pointers `parse_command` needs room for; 0 for what is no command. */
static u64 pointers_of(const u8 *body, u32 length) {
  struct command_head head;
  if (length < sizeof head) return 0;
  memcpy(&head, body, sizeof head);
  u64 strings = 1 + (u64)head.programs + head.arguments + head.variables;
  u64 room = length - sizeof head;
  if ((u64)head.limits * sizeof(struct limit) > room) return 0;
  /* Each string has a byte at least. */
  return strings > room ? 0 : strings + 3;
}

/* @returns the string at `*next`, which is moved behind it; null where none ends before `end` */
static char *take_string(u8 **next, const u8 *end) {
  u8 *string = *next;
  u8 *zero = string < end ? memchr(string, 0, end - string) : 0;
  if (!zero) return 0;
  *next = zero + 1;
  return (char *)string;
}

/* @returns 1, or 0 where there are fewer */
static int take_strings(u8 **next, const u8 *end, char **into, u32 count) {
  for (u32 index = 0; index < count; index++) {
    into[index] = take_string(next, end);
    if (!into[index]) return 0;
  }
  into[count] = 0;
  return 1;
}

/*
 * What is parsed points into the body, which must be aligned as struct limit is.
 *
 * @param pointers room for as many as `pointers_of` says
 * @returns 1, or 0 for what is no command
 */
static int parse_command(u8 *body, u32 length, char **pointers, struct command *command) {
  struct command_head *head = &command->head;
  if (!pointers_of(body, length)) return 0;
  memcpy(head, body, sizeof *head);
  const u8 *end = body + length;
  u8 *next = body + sizeof *head;
  command->limits = (const struct limit *)next;
  next += (u64)head->limits * sizeof(struct limit);
  command->folder = take_string(&next, end);
  if (!command->folder) return 0;
  command->programs = pointers;
  command->arguments = command->programs + head->programs + 1;
  command->variables = command->arguments + head->arguments + 1;
  return take_strings(&next, end, command->programs, head->programs) &&
         take_strings(&next, end, command->arguments, head->arguments) &&
         take_strings(&next, end, command->variables, head->variables) && next == end;
}
