// A search service in C++: an inverted index over the last texts, sessions in an unordered_map, variable-size vectors.
// WORKERS forked processes, or THREADS threads that share the index under a lock.
#include "wire.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

struct Document {
  long key;
  std::vector<std::string> words;
  std::string text;
};

struct Index {
  std::mutex lock;
  std::deque<std::shared_ptr<Document>> documents;
  std::unordered_map<std::string, std::vector<long>> postings;
  std::unordered_map<long, std::vector<double>> sessions;
  size_t cap = 3000;
};

static size_t handle(void *state, const Request *r, char *out, size_t room) {
  auto &index = *static_cast<Index *>(state);
  auto document = std::make_shared<Document>();
  document->key = r->key;
  document->text.assign(r->body, r->length);
  std::istringstream stream(document->text);
  for (std::string word; stream >> word;) document->words.push_back(word);
  std::vector<double> scratch(static_cast<size_t>(r->size) + 1);  // heavy-tailed, given back at once
  for (size_t i = 0; i < scratch.size(); i++) scratch[i] = static_cast<double>((i * 2654435761u) % 1000);
  std::nth_element(scratch.begin(), scratch.begin() + static_cast<long>(scratch.size() / 2), scratch.end());
  std::lock_guard<std::mutex> guard(index.lock);
  for (size_t i = 0; i < document->words.size() && i < 40; i++) {
    auto &list = index.postings[document->words[i]];
    list.push_back(r->key);
    if (list.size() > 50) list.erase(list.begin(), list.begin() + 25);
  }
  index.documents.push_back(document);
  if (index.documents.size() > index.cap) index.documents.pop_front();
  auto &session = index.sessions[r->key % 2000];
  session.assign(scratch.begin(), scratch.begin() + static_cast<long>(std::min<size_t>(scratch.size(), 64)));
  std::string answer;
  for (size_t i = 0; i < document->words.size() && i < 20; i++)
    for (long key : index.postings[document->words[i]]) answer += std::to_string(key) + ",";
  size_t size = std::min(answer.size(), room);
  memcpy(out, answer.data(), size);
  return size;
}

struct Worker {
  Index *index;
  Leak *leak;
  int number;
};

static void *run(void *given) {
  auto *worker = static_cast<Worker *>(given);
  serve(handle, worker->index, worker->number, worker->leak);
  return nullptr;
}

int main() {
  static Leak leak;
  static Index index;
  static Worker worker;
  index.cap = static_cast<size_t>(option("CAP", 3000));
  worker = {&index, &leak, fork_workers()};
  leak_open(&leak, worker.number);
  for (long i = 1; i < option("THREADS", 1); i++) {
    pthread_t thread;
    pthread_create(&thread, nullptr, run, &worker);
  }
  run(&worker);
}
