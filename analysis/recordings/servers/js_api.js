// A JSON service for Node, Deno and Bun: bounded LRU Map, sessions, log, sorting; WORKERS with node:cluster.
const http = require("node:http");
const process = require("node:process");
const cluster = require("node:cluster");

const env = process.env;
const number = (name, otherwise) => (env[name] === undefined ? otherwise : Number(env[name]));
const CAP = number("CAP", 4000);
const MODE = env.MODE || "cache";
const workers = number("WORKERS", 1);

function leaking(worker) {
  const only = number("LEAK_WORKER", -1);
  const kind = only < 0 || only === worker ? env.LEAK || "none" : "none";
  const dose = number("DOSE", 0);
  const after = number("LEAK_AFTER", 0);
  const state = { payload: 0, counted: 0 };
  const list = [];
  const map = new Map();
  let chain = null;
  let calls = 0;
  let buffer = Buffer.alloc(0);
  let used = 0;
  // Flattened, one byte a character: 12 to 16 bytes of header, then the text, rounded up to 8.
  const text = () => Buffer.alloc(dose, 97 + (calls % 26)).toString("latin1");
  const steps = {
    list: () => (list.push(text()), dose + 16 + 8),
    objects: () => {
      let size = 0;
      for (let part = 0; part < dose / 64; part++) {
        list.push({ id: calls, part, name: `${calls}-${part}`.padEnd(40, "n") });
        size += 8 + 40 + 56;
      }
      return size;
    },
    map: () => (map.set(`k${calls}`, text()), dose + 16 + 24 + 24),
    chunks: () => ((chain = { next: chain, text: text() }), dose + 16 + 28),
    buffers: () => (list.push(Buffer.alloc(dose, 98)), dose + 120),
    vector: () => {
      if (used + dose > buffer.length) {
        const grown = Buffer.alloc(Math.max(1 << 20, 2 * buffer.length), 1);
        buffer.copy(grown, 0, 0, used);
        buffer = grown;
      }
      buffer.fill(99, used, used + dose);
      used += dose;
      return dose;
    },
  };
  state.step = () => {
    calls += 1;
    if (kind === "none" || calls <= after) return;
    state.counted += steps[kind]();
    state.payload += dose;
  };
  return state;
}

const cache = new Map();
const sessions = new Map();
const log = [];
let served = 0;

function cached(key, size, body) {
  let hit = cache.get(key);
  if (hit === undefined) {
    const words = body.split(" ");
    const rows = [];
    for (let i = 0; i <= size / 120; i++) rows.push({ i, word: words[i % words.length], score: (key * i) % 977 });
    hit = JSON.stringify({ key, rows });
    if (cache.size >= CAP) cache.delete(cache.keys().next().value);
  } else cache.delete(key);
  cache.set(key, hit);
  return hit.slice(0, 200 + size / 4);
}

function analyzed(key, size, body) {
  const counts = {};
  const text = body.repeat(1 + Math.floor(size / Math.max(1, body.length)));
  for (const word of text.split(" ")) counts[word] = (counts[word] || 0) + 1;
  const top = Object.entries(counts).sort((a, b) => b[1] - a[1]).slice(0, 30);
  sessions.set(key % 3000, { top, at: Date.now() });
  return JSON.stringify(top);
}

function start(worker) {
  const leak = leaking(worker);
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts).toString("latin1");
      const [, key, size] = request.url.split("/").map(Number);
      served += 1;
      log.push(`${served} ${request.url} ${body.slice(0, 40)}`);
      if (log.length > 2000) log.splice(0, 1000);
      const reply = Buffer.from(MODE === "cache" ? cached(key, size, body) : analyzed(key, size, body));
      leak.step();
      response.writeHead(200, {
        "Content-Length": reply.length,
        "X-W": `${worker} ${process.pid} ${leak.payload} ${leak.counted}`,
      });
      response.end(reply);
    });
  });
  server.keepAliveTimeout = 0;
  server.listen(number("PORT", 0), "127.0.0.1");
}

if (workers === 1) start(0);
else if (cluster.isPrimary) for (let i = 0; i < workers; i++) cluster.fork({ WORKER: String(i) });
else start(number("WORKER", 0));
