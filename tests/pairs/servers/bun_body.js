// Bun's HTTP server with a handler that does not read the request's body.
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch: () => new Response("ok\n"),
});
