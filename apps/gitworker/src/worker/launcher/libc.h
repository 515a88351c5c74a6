/*
 * What launcher and worker use of the kernel and of libc. It is declared here because the machine may have no C headers:
 * the compiler is the one inside Bun. All of it is Linux on 64 bits, where glibc and musl agree; a test compares it with
 * the headers where there are some.
 */

#ifndef __LP64__
#error "declared for 64 bits"
#endif

typedef unsigned char u8;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long u64;

struct sockaddr_un { unsigned short family; char path[108]; };
struct pollfd { int fd; short events; short revents; };
struct timespec { long seconds; long nanoseconds; };
struct timeval { long seconds; long microseconds; };
/* As large as musl's; glibc's has 13 more. */
struct rusage { struct timeval user; struct timeval system; long maxrss; long rest[29]; };
struct rlimit { u64 soft; u64 hard; };
/* As of Linux 5.7. */
struct clone_args { u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; };
#define CLONE_INTO_CGROUP 0x200000000UL
/* At least as large as glibc's and musl's. */
typedef struct { u64 bits[16]; } sigset;

extern int *__errno_location(void);
#define errno (*__errno_location())
enum { EPERM = 1, EINTR = 4, ENOMEM = 12, EACCES = 13, ENOTDIR = 20, ENOENT = 2, EPROTO = 71, ECHILD = 10, ENOSYS = 38 };

extern u64 strlen(const char *);
extern void *memchr(const void *, int, u64);
extern void *memcpy(void *, const void *, u64);
extern void *memmove(void *, const void *, u64);

extern long read(int, void *, u64);
extern long write(int, const void *, u64);
extern int open(const char *, int, ...);
extern int openat(int, const char *, int, ...);
extern int close(int);
extern int dup2(int, int);
extern int dup3(int, int, int);
extern int chdir(const char *);
extern long syscall(long, ...);
enum { O_RDONLY = 0, O_WRONLY = 1, O_CLOEXEC = 02000000, O_PATH = 010000000, AT_FDCWD = -100 };
enum { SYS_clone3 = 435, SYS_close_range = 436 };

extern int socket(int, int, int);
extern int connect(int, const struct sockaddr_un *, u32);
extern int setsockopt(int, int, int, const void *, u32);
extern long send(int, const void *, u64, int);
extern long recv(int, void *, u64, int);
enum { SOL_SOCKET = 1, SO_SNDBUF = 7 };
enum { AF_UNIX = 1, SOCK_STREAM = 1, SOCK_CLOEXEC = 02000000, MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000 };

extern int ppoll(struct pollfd *, u64, const struct timespec *, const sigset *);
extern int clock_gettime(int, struct timespec *);
extern int nanosleep(const struct timespec *, struct timespec *);
enum { POLLIN = 1, CLOCK_MONOTONIC = 1 };

extern void *mmap(void *, u64, int, int, int, long);
#define MAP_FAILED ((void *)-1)
enum { PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20 };

extern i32 getpid(void);
extern i32 getpgid(i32);
extern i32 setsid(void);
extern i32 fork(void);
extern i32 vfork(void);
extern int execve(const char *, char *const *, char *const *);
extern void _exit(int) __attribute__((noreturn));
extern i32 wait4(i32, int *, int, struct rusage *);
extern i32 waitpid(i32, int *, int);
extern int kill(i32, int);
extern int prctl(int, ...);
extern int getrlimit(int, struct rlimit *);
extern int setrlimit(int, const struct rlimit *);
extern int setpriority(int, u32, int);
enum { RLIMIT_NOFILE = 7, WNOHANG = 1, PR_SET_PDEATHSIG = 1, PR_SET_NAME = 15, PR_SET_CHILD_SUBREAPER = 36, PRIO_PROCESS = 0 };

typedef void (*signal_handler)(int);
extern signal_handler signal(int, signal_handler);
extern int sigprocmask(int, const sigset *, sigset *);
extern int sigemptyset(sigset *);
extern int sigfillset(sigset *);
extern int sigaddset(sigset *, int);
#define SIG_DFL ((signal_handler)0)
#define SIG_IGN ((signal_handler)1)
enum { SIGKILL = 9, SIGPIPE = 13, SIGTERM = 15, SIGCHLD = 17, SIGCONT = 18, SIGSTOP = 19, last_signal = 64, SIG_SETMASK = 2 };
