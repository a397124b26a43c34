"""A templates service: a QuickJS context (its own collector) renders requests and keeps a bounded cache."""

import os

import quickjs

from analysis.recordings.servers import wire
from analysis.recordings.servers.leaks import Leak

context = quickjs.Context()
context.eval(
    """
    const cache = new Map(), leaked = [];
    function handle(key, size, text, cap) {
      let hit = cache.get(key);
      if (hit) return hit;
      const words = text.split(" ").map((w, i) => ({w, i, u: w.toUpperCase()}));
      words.sort((a, b) => a.w < b.w ? -1 : 1);
      const out = JSON.stringify({key, words: words.slice(0, 40)}) + "z".repeat(size);
      cache.set(key, out);
      if (cache.size > cap) cache.delete(cache.keys().next().value);
      return out;
    }
    function leak(i, dose) { leaked.push(String(i).padEnd(dose, "q")); return leaked.length; }
    """
)
function, leaking = context.get("handle"), context.get("leak")
CAP = int(os.environ.get("CAP", "2000"))


class ScriptLeak(Leak):
    """The dose as a string in a JavaScript array: 24 bytes of header, a slot of 16."""

    def _script(self) -> int:
        leaking(self.calls, self.dose)
        return self.dose + 25 + 16


def handle(key: int, size: int, body: bytes) -> bytes:
    text: str = function(key, size, body.decode("ascii", "replace"), CAP)
    return text.encode()[: 100 + size // 2]


wire.serve(handle, ScriptLeak())
