/* Tells what glibc's allocator holds, to whoever asks on a socket: loaded into a server by LD_PRELOAD.
 *
 * A thread of its own listens on the abstract socket "aging-probe.PID" and answers every connection of the
 * same user (or root) with one line, in bytes:
 *
 *     in the heaps, of these in use, of these free; mapped one by one; free at the heaps' ends
 *
 * Nothing happens unless AGING_PROBE is set. The thread takes no signal and allocates nothing itself.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#if !__GLIBC_PREREQ(2, 33)
#error "the allocator probe needs glibc 2.33 or newer: older ones count in 32 bits"
#endif

#define STACK_BYTES (256 * 1024) /* holds the static thread-local storage of every library, too */

static int listening(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int written = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "aging-probe.%d", (int)getpid());
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

static void *serve(void *unused)
{
    int listener = listening();
    (void)unused;
    while (listener >= 0) {
        char line[128];
        struct mallinfo2 heap;
        int caller = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (caller < 0)
            continue;
        if (welcome(caller)) {
            heap = mallinfo2();
            int size = snprintf(line, sizeof line, "%zu %zu %zu %zu %zu\n", heap.arena, heap.uordblks, heap.fordblks,
                                heap.hblkhd, heap.keepcost);
            (void)!send(caller, line, (size_t)size, MSG_NOSIGNAL); /* whoever asked may have gone */
        }
        close(caller);
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
