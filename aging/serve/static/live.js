/* The live page: events of the server replace parts of the page and the data of its charts. The server escapes every
   text; the page's policy runs no script but these files. EventSource reconnects by itself; the server then sends all. */
(() => {
  "use strict";
  const SILENT_MS = 12000; // the server sends at least every 5 s
  const AGAIN_MS = 2000;
  const MORE_MS = 10000;
  const connection = document.getElementById("connection");
  let source = null;
  let heard = 0; // when anything was heard, by this page's clock
  let ended = "";

  const time = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

  function say(state, text) {
    if (connection.dataset.state === state && connection.textContent === text) return;
    connection.dataset.state = state;
    connection.textContent = text;
  }

  function lost() {
    if (ended) say("ended", ended);
    else say("lost", heard ? `Connection lost, last data at ${time(heard)}. Trying again …` : "No connection. Trying again …");
  }

  function replace(id, html) {
    const element = document.getElementById(id);
    if (!element) return;
    const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
    const value = element.tagName === "SELECT" ? element.value : null;
    const top = element.scrollTop;
    const down = element.tagName === "PRE" && element.scrollHeight - top - element.clientHeight < 8;
    element.innerHTML = html;
    if (value) element.value = value;
    element.scrollTop = down ? element.scrollHeight : top;
    if (focused) document.getElementById(focused)?.focus();
    if (element.querySelector("figure.plot")) AgingCharts.attach(element);
  }

  function update(news) {
    for (const [id, html] of Object.entries(news.html)) replace(id, html);
    for (const [key, figure] of Object.entries(news.figures)) AgingCharts.update(key, figure);
  }

  function hear() {
    heard = Date.now();
    ended = "";
    say("live", "live");
  }

  function connect() {
    source?.close();
    source = new EventSource("events");
    source.addEventListener("hello", (event) => {
      if (event.data !== document.body.dataset.serves) location.reload(); // another campaign, or another release
      hear();
    });
    source.addEventListener("update", (event) => {
      update(JSON.parse(event.data));
      hear();
    });
    source.addEventListener("beat", hear);
    source.addEventListener("bye", (event) => {
      ended = event.data;
      lost();
    });
    source.onerror = () => {
      lost();
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);
    };
  }

  setInterval(() => {
    if (heard && Date.now() - heard > SILENT_MS) {
      lost();
      if (Date.now() - heard > 3 * SILENT_MS) {
        heard += SILENT_MS; // a connection that a router has forgotten says nothing: make another one
        connect();
      }
    }
  }, 1000);

  // Further indicators, where one was chosen: asked for while they are shown.
  async function more(select) {
    const run = select.dataset.run;
    const place = document.getElementById(`more-${run}`);
    const shown = place.dataset.shown === select.value;
    if (!select.value) {
      place.replaceChildren();
      place.dataset.shown = "";
      return;
    }
    const query = new URLSearchParams({ run, indicator: select.value, form: shown ? "data" : "figure" });
    try {
      const answer = await fetch(`figure?${query}`);
      if (!answer.ok) return;
      if (shown) {
        const figure = await answer.json();
        AgingCharts.update(figure.key, figure);
      } else {
        replace(place.id, await answer.text());
        place.dataset.shown = select.value;
      }
    } catch {
      // the next turn asks again
    }
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("select[data-run]")) more(event.target);
  });
  setInterval(() => {
    if (document.visibilityState === "visible") document.querySelectorAll("select[data-run]").forEach((one) => one.value && more(one));
  }, MORE_MS);

  connect();
})();
