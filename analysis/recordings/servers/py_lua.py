"""A rules service: a Lua state (its own allocator and collector) evaluates requests, with a bounded cache in Lua."""

import os

import lupa

from analysis.recordings.servers import wire
from analysis.recordings.servers.leaks import Leak

KIND = os.environ.get("LEAK", "none")
lua = lupa.LuaRuntime(encoding="latin-1")
lua.execute(
    """
    cache, order, head, kept, leaked = {}, {}, 1, 0, {}
    function handle(key, size, text, cap)
      local hit = cache[key]
      if hit then return hit end
      local words = {}
      for w in string.gmatch(text, "%a+") do words[#words + 1] = w:upper() .. #words end
      table.sort(words)
      local out = table.concat(words, ",") .. string.rep("x", size)
      cache[key] = out
      order[#order + 1] = key
      kept = kept + 1
      if kept > cap then
        cache[order[head]] = nil; order[head] = false; head = head + 1; kept = kept - 1
        if head > 4000 then
          local rest = {}
          for i = head, #order do rest[#rest + 1] = order[i] end
          order, head = rest, 1
        end
      end
      return out
    end
    function leak(i, dose) leaked[#leaked + 1] = string.format("%016d", i) .. string.rep("y", dose - 16) end
    """
)
function, leaking = lua.globals().handle, lua.globals().leak
CAP = int(os.environ.get("CAP", "3000"))


class LuaLeak(Leak):
    """The dose as a string in a Lua table: 24 bytes of header, a slot of 16."""

    def _lua(self) -> int:
        leaking(self.calls, self.dose)
        return self.dose + 25 + 16


def handle(key: int, size: int, body: bytes) -> bytes:
    text: str = function(key, size, body.decode("latin-1"), CAP)
    return text.encode("latin-1")[: 100 + size // 2]


wire.serve(handle, LuaLeak())
