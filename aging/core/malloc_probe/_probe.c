/* Tells what glibc's allocator holds, to whoever asks on a socket: loaded into a server by LD_PRELOAD.
 *
 * A thread of its own listens on the abstract socket "aging-probe.PID" and answers every connection of the
 * same user (or root) with one line, in bytes:
 *
 *     in the heaps, of these in use, of these free; mapped one by one; free at the heaps' ends
 *
 * A connection to "aging-trim.PID" makes it return free memory to the kernel (malloc_trim) and is answered with
 *
 *     private memory of the process, resident or swapped, before; and after
 *
 * That is read from the kernel: mallinfo2 counts pages that malloc_trim has given back inside a heap as free still.
 *
 * Nothing happens unless AGING_PROBE is set. The thread takes no signal and allocates nothing itself.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#if !__GLIBC_PREREQ(2, 33)
#error "the allocator probe needs glibc 2.33 or newer: older ones count in 32 bits"
#endif

#define STACK_BYTES (256 * 1024) /* holds the static thread-local storage of every library, too */

static int listening(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int written = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s.%d", name, (int)getpid());
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)written);
    if (listener < 0)
        return -1;
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 4) != 0) {
        close(listener);
        return -1;
    }
    return listener;
}

static int welcome(int caller)
{
    struct ucred who;
    socklen_t size = sizeof who;
    return getsockopt(caller, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && (who.uid == 0 || who.uid == geteuid());
}

static size_t counted(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    return found == NULL ? 0 : strtoull(found + strlen(name), NULL, 10) * 1024;
}

/* Anonymous memory and swap of this process, in bytes; 0 if the kernel does not tell. */
static size_t private_memory(void)
{
    char text[4096];
    size_t filled = 0;
    ssize_t some;
    int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    while (filled < sizeof text - 1 && (some = read(file, text + filled, sizeof text - 1 - filled)) > 0)
        filled += (size_t)some;
    close(file);
    text[filled] = '\0';
    return counted(text, "\nAnonymous:") + counted(text, "\nSwap:");
}

static int heap_line(char *line, size_t room)
{
    struct mallinfo2 heap = mallinfo2();
    return snprintf(line, room, "%zu %zu %zu %zu %zu\n", heap.arena, heap.uordblks, heap.fordblks, heap.hblkhd,
                    heap.keepcost);
}

static int trim_line(char *line, size_t room)
{
    size_t before = private_memory();
    malloc_trim(0);
    return snprintf(line, room, "%zu %zu\n", before, private_memory());
}

static void answer(int listener, int (*line_of)(char *, size_t))
{
    char line[128];
    int caller = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (caller < 0)
        return;
    if (welcome(caller)) {
        int size = line_of(line, sizeof line);
        (void)!send(caller, line, (size_t)size, MSG_NOSIGNAL); /* whoever asked may have gone */
    }
    close(caller);
}

static void *serve(void *unused)
{
    struct pollfd asked[] = {{listening("aging-probe"), POLLIN, 0}, {listening("aging-trim"), POLLIN, 0}};
    (void)unused;
    while (asked[0].fd >= 0 || asked[1].fd >= 0) {
        if (poll(asked, 2, -1) < 0)
            continue;
        if (asked[0].revents != 0)
            answer(asked[0].fd, heap_line);
        if (asked[1].revents != 0)
            answer(asked[1].fd, trim_line);
    }
    return NULL;
}

static void start(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before); /* the server's signals are the server's: a thread inherits this */
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (pthread_create(&thread, &attributes, serve, NULL) == 0)
        pthread_setname_np(thread, "aging-probe");
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

__attribute__((constructor)) static void loaded(void)
{
    if (getenv("AGING_PROBE") != NULL) {
        start();
        pthread_atfork(NULL, NULL, start); /* a worker that is forked has no thread but the one that forked */
    }
}
