// The servers' protocol and leaks, in C and C++: POST /KEY/SIZE with a text, answered with a text. See wire.py, leaks.py.
#pragma once
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static long option(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text ? atol(text) : otherwise;
}

typedef struct Leak {
  char kind[16];
  size_t dose, after, calls, payload, counted;
  char *vector;
  size_t used, room;
  void **table;
  size_t entries, slots;
  void *chain;
  pthread_mutex_t lock;
} Leak;

static void leak_open(Leak *leak, int worker) {
  memset(leak, 0, sizeof *leak);
  long only = option("LEAK_WORKER", -1);
  const char *kind = getenv("LEAK");
  strncpy(leak->kind, kind && (only < 0 || only == worker) ? kind : "none", sizeof leak->kind - 1);
  leak->dose = (size_t)option("DOSE", 0);
  leak->after = (size_t)option("LEAK_AFTER", 0);
  pthread_mutex_init(&leak->lock, NULL);
}

static void *leak_sleep(void *unused) {
  for (;;) pause();
  return unused;
}

static void *leak_block(Leak *leak) {
  char *block = (char *)malloc(leak->dose);
  memset(block, (int)('a' + leak->calls % 26), leak->dose);
  leak->counted += malloc_usable_size(block) + 8;
  return block;
}

static void leak_step(Leak *leak) {
  const char *kind = leak->kind;
  if (kind[0] == 'n') return;
  pthread_mutex_lock(&leak->lock);
  if (++leak->calls > leak->after) {
    size_t dose = leak->dose;
    if (!strcmp(kind, "blocks")) {  // never freed, no reference kept
      static void *volatile last;
      last = leak_block(leak);
      (void)last;
    } else if (!strcmp(kind, "vector")) {  // doubles with realloc
      if (leak->used + dose > leak->room) {
        leak->room = leak->room ? 2 * leak->room : 65536;
        leak->vector = (char *)realloc(leak->vector, leak->room);
      }
      memset(leak->vector + leak->used, 'v', dose);
      leak->used += dose;
      leak->counted += dose;
    } else if (!strcmp(kind, "slabs")) {  // entries in slabs of 1 MiB that are cleared when taken
      if (!leak->vector || leak->used + dose > (1u << 20)) {
        leak->vector = (char *)malloc(1u << 20);
        memset(leak->vector, 1, 1u << 20);
        leak->used = 0;
      }
      memset(leak->vector + leak->used, 's', dose);
      leak->used += dose;
      leak->counted += dose;
    } else if (!strcmp(kind, "arena")) {  // a mapping that doubles; the old one is copied and unmapped
      if (leak->used + dose > leak->room) {
        size_t room = leak->room ? 2 * leak->room : 1u << 20;
        char *fresh = (char *)mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (leak->vector) {
          memcpy(fresh, leak->vector, leak->used);
          munmap(leak->vector, leak->room);
        }
        leak->vector = fresh;
        leak->room = room;
      }
      memset(leak->vector + leak->used, 'm', dose);
      leak->used += dose;
      leak->counted += dose;
    } else if (!strcmp(kind, "hash")) {  // blocks in an open table that doubles at load 1/2
      if (leak->entries * 2 >= leak->slots) {
        size_t slots = leak->slots ? 2 * leak->slots : 1024;
        void **table = (void **)calloc(slots, sizeof *table);
        for (size_t i = 0; i < leak->slots; i++)
          if (leak->table[i]) {
            size_t at = ((uintptr_t)leak->table[i] >> 4) * 0x9E3779B97F4A7C15u >> 20 & (slots - 1);
            while (table[at]) at = (at + 1) & (slots - 1);
            table[at] = leak->table[i];
          }
        free(leak->table);
        leak->table = table;
        leak->slots = slots;
      }
      void *block = leak_block(leak);
      size_t at = ((uintptr_t)block >> 4) * 0x9E3779B97F4A7C15u >> 20 & (leak->slots - 1);
      while (leak->table[at]) at = (at + 1) & (leak->slots - 1);
      leak->table[at] = block;
      leak->entries++;
      leak->counted += 8;
    } else if (!strcmp(kind, "chunks")) {  // a linked list
      void **block = (void **)leak_block(leak);
      *block = leak->chain;
      leak->chain = block;
    } else if (!strcmp(kind, "thread")) {  // every 100th request a thread that waits forever
      if (leak->calls % 100 == 0) {
        pthread_t thread;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 256 * 1024);
        pthread_create(&thread, &attributes, leak_sleep, NULL);
        pthread_detach(thread);
      }
      leak_block(leak);
    } else if (!strcmp(kind, "fd")) {  // every 20th request a file left open, and every request its block
      if (leak->calls % 20 == 0 && open("/dev/null", O_RDONLY) < 0) perror("open");
      leak_block(leak);
    } else {
      fprintf(stderr, "unknown leak %s\n", kind);
      exit(2);
    }
    leak->payload += dose;
  }
  pthread_mutex_unlock(&leak->lock);
}

typedef struct Request {
  long key, size;
  const char *body;
  size_t length;
} Request;

// A handler writes its answer to `out`, at most `room` bytes, and returns its length.
typedef size_t (*Handler)(void *state, const Request *request, char *out, size_t room);

static int listener(void) {
  int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(sock, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  struct sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)option("PORT", 0));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(sock, (struct sockaddr *)&address, sizeof address) || listen(sock, 256)) {
    perror("bind");
    exit(1);
  }
  return sock;
}

typedef struct Connection {
  int fd;
  size_t used, room;
  char *data;
} Connection;

// Answers whole requests in the connection's buffer; -1 when it is to be closed.
static int converse(Connection *c, Handler handle, void *state, int worker, Leak *leak, char *out, size_t room) {
  if (c->room - c->used < 4096) {
    c->room = c->room ? 2 * c->room : 4096;
    c->data = (char *)realloc(c->data, c->room + 1);
  }
  ssize_t got = read(c->fd, c->data + c->used, c->room - c->used);
  if (got <= 0) return got < 0 && errno == EAGAIN ? 0 : -1;
  c->used += (size_t)got;
  c->data[c->used] = 0;
  char *end;
  while ((end = strstr(c->data, "\r\n\r\n"))) {
    Request request = {};
    sscanf(c->data, "POST /%ld/%ld", &request.key, &request.size);
    char *length = strcasestr(c->data, "content-length:");
    request.length = length && length < end ? (size_t)atol(length + 15) : 0;
    request.body = end + 4;
    size_t whole = (size_t)(end + 4 - c->data) + request.length;
    if (c->used < whole) break;
    char head[160];
    size_t size = handle(state, &request, out, room);
    leak_step(leak);
    int n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nX-W: %d %d %zu %zu\r\n\r\n", size,
                     worker, getpid(), leak->payload, leak->counted);
    if (send(c->fd, head, (size_t)n, MSG_MORE | MSG_NOSIGNAL) < 0) return -1;
    for (size_t sent = 0; sent < size;) {
      ssize_t more = send(c->fd, out + sent, size - sent, MSG_NOSIGNAL);
      if (more <= 0) return -1;
      sent += (size_t)more;
    }
    memmove(c->data, c->data + whole, c->used - whole + 1);
    c->used -= whole;
  }
  return 0;
}

// One event loop, for a process or a thread.
static void serve(Handler handle, void *state, int worker, Leak *leak) {
  size_t room = 1u << 20;
  char *out = (char *)malloc(room);
  int sock = listener(), poll = epoll_create1(EPOLL_CLOEXEC);
  Connection self = {sock, 0, 0, NULL};
  struct epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = &self;
  epoll_ctl(poll, EPOLL_CTL_ADD, sock, &event);
  for (;;) {
    struct epoll_event ready[32];
    int count = epoll_wait(poll, ready, 32, -1);
    for (int i = 0; i < count; i++) {
      Connection *c = (Connection *)ready[i].data.ptr;
      if (c == &self) {
        int fd = accept4(sock, NULL, NULL, SOCK_CLOEXEC), one = 1;
        if (fd < 0) continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c = (Connection *)calloc(1, sizeof *c);
        c->fd = fd;
        event.events = EPOLLIN;
        event.data.ptr = c;
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
      } else if (converse(c, handle, state, worker, leak, out, room) < 0) {
        close(c->fd);
        free(c->data);
        free(c);
      }
    }
  }
}

// Forks workers; returns the index in a child, never in the parent of more than one.
static int fork_workers(void) {
  long workers = option("WORKERS", 1);
  if (workers == 1) return 0;
  for (int i = 0; i < workers; i++)
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      return i;
    }
  while (wait(NULL) > 0) {
  }
  exit(0);
}
