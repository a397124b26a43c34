// A key-value store in C: values of random size in a hash table, the least recently used thrown out at a cap.
// WORKERS forked processes, or THREADS threads, each with its own event loop and store.
#include "wire.h"

typedef struct Entry {
  long key;
  size_t size;
  char *value;
  struct Entry *next, *newer, *older;
} Entry;

typedef struct Store {
  Entry *buckets[8192], *newest, *oldest;
  long count, cap;
  char *log[1024];
  unsigned logged;
} Store;

static void unlink_entry(Store *s, Entry *e) {
  if (e->newer) e->newer->older = e->older; else s->newest = e->older;
  if (e->older) e->older->newer = e->newer; else s->oldest = e->newer;
}

static void push(Store *s, Entry *e) {
  e->newer = NULL;
  e->older = s->newest;
  if (s->newest) s->newest->newer = e; else s->oldest = e;
  s->newest = e;
}

static size_t handle(void *state, const Request *r, char *out, size_t room) {
  Store *s = (Store *)state;
  char line[200];
  int n = snprintf(line, sizeof line, "key %ld size %ld: %.*s", r->key, r->size,
                   (int)(r->length < 120 ? r->length : 120), r->body);
  unsigned slot = s->logged++ % 1024;
  free(s->log[slot]);
  s->log[slot] = strndup(line, (size_t)n);
  Entry **bucket = &s->buckets[(unsigned long)r->key % 8192], *e = *bucket;
  while (e && e->key != r->key) e = e->next;
  if (!e) {
    e = (Entry *)calloc(1, sizeof *e);
    e->key = r->key;
    e->size = (size_t)r->size + 32;
    e->value = (char *)malloc(e->size);
    for (size_t at = 0; at < e->size; at += r->length ? r->length : e->size)
      memcpy(e->value + at, r->length ? r->body : line, e->size - at < r->length ? e->size - at : r->length);
    e->next = *bucket;
    *bucket = e;
    push(s, e);
    if (++s->count > s->cap) {
      Entry *old = s->oldest, **link = &s->buckets[(unsigned long)old->key % 8192];
      while (*link != old) link = &(*link)->next;
      *link = old->next;
      unlink_entry(s, old);
      free(old->value);
      free(old);
      s->count--;
    }
  } else {
    unlink_entry(s, e);
    push(s, e);
  }
  char *copy = (char *)malloc(e->size);  // as if it were rendered
  memcpy(copy, e->value, e->size);
  size_t size = e->size / 4 < room ? e->size / 4 : room;
  memcpy(out, copy, size);
  free(copy);
  return size;
}

typedef struct Worker {
  int index;
  Leak *leak;
} Worker;

static void *run(void *given) {
  Worker *worker = (Worker *)given;
  Store *store = (Store *)calloc(1, sizeof *store);
  store->cap = option("CAP", 5000);
  serve(handle, store, worker->index, worker->leak);
  return NULL;
}

int main(void) {
  static Leak leak;
  static Worker worker;
  worker.index = fork_workers();
  worker.leak = &leak;
  leak_open(&leak, worker.index);
  for (long i = 1; i < option("THREADS", 1); i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, run, &worker);
  }
  run(&worker);
}
