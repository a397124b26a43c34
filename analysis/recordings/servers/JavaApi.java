import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;

/** A JSON service on com.sun.net.httpserver: bounded LRU LinkedHashMap, sessions, log; a pool of THREADS threads. */
public final class JavaApi {
  static int option(String name, int otherwise) {
    String text = System.getenv(name);
    return text == null ? otherwise : Integer.parseInt(text);
  }

  static String text(String name, String otherwise) {
    String text = System.getenv(name);
    return text == null ? otherwise : text;
  }

  /** A constant payload a request: bytes with 16 of header, rounded up to 8, and a reference of 4. */
  static final class Leak {
    final String kind = text("LEAK", "none");
    final int dose = option("DOSE", 0);
    final int after = option("LEAK_AFTER", 0);
    final List<Object> list = new ArrayList<>();
    final Map<String, byte[]> map = new HashMap<>();
    Object[] chain;
    byte[] vector = new byte[0];
    int used;
    long calls;
    long payload;
    long counted;

    byte[] block() {
      byte[] block = new byte[dose];
      Arrays.fill(block, (byte) ('a' + calls % 26));
      counted += (dose + 16 + 7) / 8 * 8;
      return block;
    }

    synchronized void step() {
      calls++;
      if (kind.equals("none") || calls <= after) {
        return;
      }
      switch (kind) {
        case "list" -> {
          list.add(block());
          counted += 4;
        }
        case "objects" -> {
          for (int part = 0; part < Math.max(1, dose / 64); part++) {
            list.add(new long[] {calls, part, 1, 2, 3, 4, 5, 6});
            counted += 80 + 4;
          }
        }
        case "map" -> {
          map.put("key-" + calls, block());
          counted += 32 + 24 + 32 + 4;
        }
        case "chunks" -> {
          chain = new Object[] {chain, block()};
          counted += 24;
        }
        case "vector" -> {
          if (used + dose > vector.length) {
            vector = Arrays.copyOf(vector, Math.max(1 << 16, 2 * vector.length));
          }
          Arrays.fill(vector, used, used + dose, (byte) 'v');
          used += dose;
          counted += dose;
        }
        case "thread" -> {
          list.add(block());
          if (calls % 100 == 0) {
            Thread thread =
                new Thread(
                    () -> {
                      try {
                        Thread.sleep(Long.MAX_VALUE);
                      } catch (InterruptedException ended) {
                        Thread.currentThread().interrupt();
                      }
                    });
            thread.setDaemon(true);
            thread.start();
          }
        }
        default -> throw new IllegalArgumentException(kind);
      }
      payload += dose;
    }
  }

  static final int CAP = option("CAP", 4000);
  static final boolean CACHE = text("MODE", "cache").equals("cache");
  static final Leak LEAK = new Leak();
  static final ArrayDeque<String> LOG = new ArrayDeque<>();
  static final Map<Integer, String> SESSIONS = new HashMap<>();
  static final LinkedHashMap<Integer, String> LRU =
      new LinkedHashMap<>(64, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, String> eldest) {
          return size() > CAP;
        }
      };

  static synchronized String cached(int key, int size, String body) {
    String hit = LRU.get(key);
    if (hit == null) {
      StringBuilder made = new StringBuilder("{\"rows\": [");
      String[] words = body.split(" ");
      for (int i = 0; i <= size / 60; i++) {
        made.append("{\"i\": ").append(i).append(", \"word\": \"").append(words[i % words.length]).append("\"}, ");
      }
      hit = made.append("]}").toString();
      LRU.put(key, hit);
    }
    return hit.substring(0, Math.min(hit.length(), 200 + size / 4));
  }

  static String analyzed(int key, int size, String body) {
    Map<String, Integer> counts = new TreeMap<>();
    String whole = body.repeat(1 + size / Math.max(1, body.length()));
    for (String word : whole.split(" ")) {
      counts.merge(word, 1, Integer::sum);
    }
    List<Map.Entry<String, Integer>> top = new ArrayList<>(counts.entrySet());
    top.sort((a, b) -> b.getValue() - a.getValue());
    String answer = top.subList(0, Math.min(30, top.size())).toString();
    synchronized (SESSIONS) {
      SESSIONS.put(key % 3000, answer);
    }
    return answer;
  }

  static void handle(HttpExchange exchange) throws IOException {
    String[] path = exchange.getRequestURI().getPath().split("/");
    int key = Integer.parseInt(path[1]);
    int size = Integer.parseInt(path[2]);
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.ISO_8859_1);
    String answer = CACHE ? cached(key, size, body) : analyzed(key, size, body);
    synchronized (LOG) {
      LOG.add(System.nanoTime() + " " + body.substring(0, Math.min(60, body.length())));
      if (LOG.size() > 2000) {
        LOG.poll();
      }
    }
    LEAK.step();
    byte[] bytes = answer.getBytes(StandardCharsets.ISO_8859_1);
    exchange
        .getResponseHeaders()
        .set("X-W", "0 " + ProcessHandle.current().pid() + " " + LEAK.payload + " " + LEAK.counted);
    exchange.sendResponseHeaders(200, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  public static void main(String[] arguments) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), option("PORT", 0)), 256);
    server.createContext("/", JavaApi::handle);
    server.setExecutor(Executors.newFixedThreadPool(option("THREADS", 4)));
    server.start();
  }
}
