/* Charts that can be zoomed: every figure.plot[data-figure="chart"] has an SVG and its data as JSON; this script puts a
   uPlot in the place of the SVG. Where it does not run, and in print, the SVG stays. */
const AgingCharts = (() => {
  "use strict";
  const figures = new Map(); // key -> the figures that show it
  const clocks = new Map(); // clock -> {range, last, members}: charts that share a time axis
  const SERIES = 8;
  const NEAR = 6; // pixels
  const MOST_LABELS = 6;

  // --- data

  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer;

  function decoded(packed) {
    if (packed.k === "e") return Float64Array.from({ length: packed.n }, (_, i) => packed.from + packed.step * i);
    if (packed.k === "n") return new Float64Array(packed.n).fill(NaN);
    if (packed.k === "f") return Float64Array.from(new Float32Array(bytes(packed.d)));
    const whole = new Uint16Array(bytes(packed.d));
    return Float64Array.from(whole, (one) => (one === 65535 ? NaN : packed.from + packed.step * one));
  }

  const holes = (values) => Array.from(values, (one) => (Number.isFinite(one) ? one : null));

  function increasing(times) {
    for (let i = 1; i < times.length; i++) {
      if (!(times[i] > times[i - 1])) times[i] = times[i - 1] + Math.max(Math.abs(times[i - 1]) * 1e-12, 1e-9);
    }
    return times;
  }

  // Entries of the legend, and the columns of uPlot: a band has two of them, low and high.
  function modelled(figure) {
    const entries = [];
    const columns = [];
    const tables = [];
    const bands = [];
    figure.bands.forEach(([label, role, t, low, high]) => {
      const at = increasing(decoded(t));
      tables.push([at, holes(decoded(high)), holes(decoded(low))]);
      bands.push([columns.length + 1, columns.length + 2]);
      entries.push({ label, role, band: true, places: [columns.length + 1, columns.length + 2] });
      columns.push({ role, band: true }, { role, band: true });
    });
    let rank = 0;
    figure.lines.forEach(([label, role, t, y]) => {
      const number = role === "series" ? rank++ % SERIES : 0;
      tables.push([increasing(decoded(t)), holes(decoded(y))]);
      entries.push({ label, role, number, band: false, places: [columns.length + 1] });
      columns.push({ role, number, band: false });
    });
    const nullModes = tables.map((table) => table.map(() => 1));
    const data = tables.length ? uPlot.join(tables, nullModes) : [[0, figure.last]];
    return { figure, entries, columns, bands, data, shape: JSON.stringify(entries.map((one) => [one.label, one.role])) };
  }

  // --- numbers for people

  const MINUS = "\u2212";

  function scaleOf(unit, magnitude) {
    const own = unit.own;
    if (own && (!magnitude || (magnitude / own[0] >= 1e-3 && magnitude / own[0] < 1e5))) return own;
    const size = magnitude || 1;
    return unit.scales.find(([factor]) => size >= factor * 0.9995) || unit.scales[unit.scales.length - 1];
  }

  function significant(value) {
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size < 1e-6) return "\u2248 0";
    const text = size >= 1e15 ? size.toExponential(2) : size.toFixed(Math.max(0, 3 - Math.floor(Math.log10(size))));
    const short = text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
    return (value < 0 ? MINUS : "") + short;
  }

  // Four digits, or as many as tell values apart that differ by a hundredth of what is shown.
  function written(unit, value, shown) {
    const [factor, name] = scaleOf(unit, Math.abs(value));
    const wanted = shown > 0 ? Math.ceil(2 - Math.log10(shown / factor)) : 0;
    const usual = value ? 3 - Math.floor(Math.log10(Math.abs(value / factor))) : 0;
    const text = wanted > usual ? fixed(value / factor, Math.min(wanted, 9)) : significant(value / factor);
    return `${text} ${name}${unit.suffix}`.trim();
  }

  function clockText(seconds, fine) {
    const sign = seconds < 0 ? MINUS : "";
    const whole = Math.round(Math.abs(seconds));
    const two = (one) => String(one).padStart(2, "0");
    const hours = `${sign}${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}`;
    return fine ? `${hours}:${two(whole % 60)}` : hours;
  }

  const TIMES = [
    [86400, "days"],
    [3600, "hours"],
    [60, "minutes"],
    [1, "seconds"],
  ];

  // Of a stretch that begins far from the origin, hours, minutes and seconds; else whole units.
  function timeUnit(min, max) {
    const span = max - min;
    const [factor, name] = TIMES.find(([one]) => span >= one * 2.5) || TIMES[3];
    return { factor, name, clock: factor < 86400 && min > 20 * factor };
  }

  const ROUND = [1, 2, 2.5, 5];
  const HOURS = [1, 2, 3, 6];
  const SIXTIES = [1, 2, 5, 10, 15, 30];

  function increments(factor, steps) {
    const found = [];
    for (let power = -9; power < 16; power++) steps.forEach((step) => found.push(step * 10 ** power * factor));
    return found;
  }

  const TIME_INCREMENTS = [
    ...increments(1, ROUND).filter((one) => one < 1),
    ...SIXTIES,
    ...SIXTIES.map((one) => one * 60),
    ...[1, 2, 3, 6, 12].map((one) => one * 3600),
    ...increments(86400, HOURS).filter((one) => one >= 86400),
  ];

  function decimals(step) {
    if (!step) return 0;
    for (let count = 0; count < 9; count++) {
      const size = Math.abs(step) * 10 ** count;
      if (Math.round(size) && Math.abs(size - Math.round(size)) < 1e-4 * size) return count; // steps of bytes are whole
    }
    return 9;
  }

  const fixed = (value, count) => value.toFixed(count).replace("-", MINUS);

  // --- colors of the page

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#555";

  function roleColor(role, number) {
    if (role === "fit") return color("--fit");
    if (role === "current") return color("--current");
    if (role === "series") return color(`--series-${number}`);
    return color("--data");
  }

  const ALPHA = { samples: 0.3, p99: 0.16 };
  const WIDTH = { samples: 0.9, fit: 2, current: 2 };
  const DASH = { fit: [7, 4], current: [2, 3] };
  const MARK_COLOR = { died: "--bad", fault: "--bad" };

  function faded(text, alpha) {
    const context = document.createElement("canvas").getContext("2d");
    context.fillStyle = text;
    const hex = context.fillStyle;
    return hex.startsWith("#") ? hex + Math.round(alpha * 255).toString(16).padStart(2, "0") : hex;
  }

  // --- one time axis for all charts of a clock

  function clockOf(name) {
    if (!clocks.has(name)) clocks.set(name, { range: null, last: 0, members: new Set() });
    return clocks.get(name);
  }

  function zoom(chart, min, max) {
    const clock = chart.clock;
    const last = Math.max(clock.last, chart.model.figure.last);
    let range = null;
    if (min !== null) {
      const span = Math.min(Math.max(max - min, last * 1e-6, 1e-3), last);
      const begin = Math.min(Math.max(min, 0), last - span);
      range = span >= last * 0.9999 ? null : [begin, begin + span];
    }
    clock.range = range;
    clock.members.forEach((one) => one.show());
  }

  // --- a chart

  class LiveChart {
    constructor(element, figure) {
      this.element = element;
      this.svg = element.querySelector(":scope > svg");
      this.hidden = new Set();
      this.pixel = window.devicePixelRatio || 1;
      this.clock = null;
      this.frame = document.createElement("div");
      this.frame.className = "live-chart";
      this.make(modelled(figure));
      this.svg.after(this.frame);
      element.classList.add("is-live");
      this.resize();
      new ResizeObserver(() => this.resize()).observe(element);
    }

    make(model) {
      const figure = model.figure;
      this.model = model;
      this.clock = clockOf(figure.clock);
      this.clock.last = Math.max(this.clock.last, figure.last);
      this.clock.members.add(this);
      this.frame.replaceChildren();
      this.stage = document.createElement("div");
      this.stage.className = "stage";
      this.stage.tabIndex = 0;
      this.stage.setAttribute("role", "application");
      this.stage.setAttribute(
        "aria-label",
        `${figure.label}. Arrow keys move along time, plus and minus zoom, 0 shows all.`,
      );
      this.stage.title = "Drag to zoom, shift and drag to move, double click to show all";
      this.said = document.createElement("p");
      this.said.className = "said";
      this.said.setAttribute("role", "status");
      this.legend = document.createElement("div");
      this.legend.className = "entries";
      this.frame.append(this.stage, this.legend, this.said);
      this.plot = new uPlot(this.options(), model.data, this.stage);
      this.makeLegend();
      this.stage.addEventListener("keydown", (event) => this.key(event));
      this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.show();
    }

    size() {
      const box = this.svg.viewBox.baseVal;
      const inner = this.frame.clientWidth || this.element.clientWidth || box.width;
      return { width: Math.max(inner, 160), height: Math.max(Math.round((inner * box.height) / box.width), 190) };
    }

    resize() {
      const { width, height } = this.size();
      if (Math.abs(width - this.plot.width) > 1 || Math.abs(height - this.plot.height) > 1) this.plot.setSize({ width, height });
    }

    options() {
      const chart = this;
      const { figure, columns, bands } = this.model;
      const font = () => `12px ${getComputedStyle(document.body).fontFamily}`;
      const common = { stroke: () => color("--muted"), font: font(), ticks: { show: false } };
      const grid = { stroke: () => color("--rule"), width: 1 };
      return {
        ...this.size(),
        padding: [figure.log ? 10 : 24, 12, 0, 0],
        legend: { show: false },
        cursor: {
          sync: { key: figure.clock, scales: ["x", null], filters: { pub: (kind) => kind === "mousemove" || kind === "mouseleave" } },
          drag: { x: true, y: false, setScale: false, dist: 4 },
          points: { size: 7, fill: (u, place) => this.color(place) },
          focus: { prox: -1 },
          dataIdx: (u, place, at) => (chart.isStraight(place) ? null : nearest(u, place, at)),
          bind: {
            dblclick: () => () => zoom(chart, null, null),
            mousedown: (u, target, handler) => (event) => {
              if (!event.shiftKey) return handler(event);
              chart.pan(event);
              return null;
            },
          },
        },
        scales: {
          x: { time: false, range: () => chart.timeRange() },
          y: { distr: figure.log ? 3 : 1, range: (u, low, high) => chart.valueRange(low, high) },
        },
        axes: [
          {
            ...common,
            grid: { show: false },
            border: { show: true, stroke: () => color("--rule"), width: 1 },
            space: 64,
            size: 24,
            labelSize: 18,
            labelGap: 0,
            labelFont: font(),
            label: (u) => chart.timeLabel(),
            incrs: TIME_INCREMENTS,
            values: (u, splits) => chart.timeTexts(splits),
          },
          {
            ...common,
            grid,
            gap: 5,
            space: 34,
            size: (u, values) => axisSize(u, values),
            incrs: figure.log ? undefined : (u, axis, low, high) => chart.valueIncrements(low, high),
            values: (u, splits) => chart.valueTexts(splits),
            ...(figure.log ? { filter: round, grid: { ...grid, filter: round } } : {}),
          },
        ],
        series: [
          {},
          ...columns.map((column, place) => ({
            scale: "y",
            stroke: () => (column.band && column.role !== "samples" ? "transparent" : faded(chart.color(place + 1), column.band ? 0.55 : column.role === "samples" ? 0.5 : 1)),
            width: column.band ? 0.6 : (WIDTH[column.role] || 1.7),
            dash: DASH[column.role],
            points: { show: false },
            spanGaps: false,
          })),
        ],
        bands: bands.map((series) => ({
          series,
          fill: () => faded(chart.color(series[0]), ALPHA[columns[series[0] - 1].role] || 0.22),
        })),
        hooks: {
          drawClear: [(u) => chart.drawSpans(u)],
          draw: [(u) => chart.drawMarks(u)],
          setCursor: [(u) => chart.values(u)],
          setSelect: [(u) => chart.selected(u)],
        },
      };
    }

    color(place) {
      const column = this.model.columns[place - 1];
      return column ? roleColor(column.role, column.number) : color("--data");
    }

    // A fitted line has values between its few points, too; samples and medians have not.
    isStraight(place) {
      const column = this.model.columns[place - 1];
      return column !== undefined && (column.role === "fit" || column.role === "current");
    }

    // --- ranges and axes

    timeRange() {
      const range = this.clock.range;
      return range || [0, this.model.figure.last];
    }

    valueRange(low, high) {
      const { bottom, top, log } = this.model.figure;
      if (!this.clock.range || low === null || high === null) return [bottom, top];
      if (log) return low > 0 ? [low / 1.3, high * 1.3] : [bottom, top];
      const room = (high - low || (top - bottom) / 50) * 0.08;
      return [low >= 0 ? Math.max(low - room, 0) : low - room, high + room];
    }

    show() {
      const [min, max] = this.timeRange();
      this.plot.batch(() => this.plot.setScale("x", { min, max }));
      const zoomed = this.clock.range !== null;
      this.element.classList.toggle("is-zoomed", zoomed);
      if (this.all) this.all.hidden = !zoomed;
    }

    timeLabel() {
      const [min, max] = this.timeRange();
      const { name, clock } = timeUnit(min, max);
      return `${clock ? "hours:minutes" : name} since ${this.model.figure.origin}`;
    }

    timeTexts(splits) {
      const [min, max] = this.timeRange();
      const { factor, clock } = timeUnit(min, max);
      const step = splits.length > 1 ? splits[1] - splits[0] : factor;
      if (clock) return splits.map((one) => clockText(one, step < 60));
      const count = decimals(step / factor);
      return splits.map((one) => fixed(one / factor, Math.min(count, 3)));
    }

    valueScale(low, high) {
      return scaleOf(this.model.figure.unit, Math.max(Math.abs(low), Math.abs(high)));
    }

    valueIncrements(low, high) {
      return increments(this.valueScale(low, high)[0], ROUND);
    }

    valueTexts(splits) {
      const { unit, log } = this.model.figure;
      const { min, max } = this.plot ? this.plot.scales.y : { min: 0, max: 1 };
      if (log) return splits.map((one) => (one === null ? "" : written(unit, one)));
      const [factor] = this.valueScale(min, max);
      const count = splits.length > 1 ? decimals((splits[1] - splits[0]) / factor) : 2;
      return splits.map((one) => fixed(one / factor, count));
    }

    // --- what is drawn beside the series

    drawSpans(u) {
      const { left, top, width, height } = u.bbox;
      const context = u.ctx;
      context.save();
      context.beginPath();
      context.rect(left, top, width, height);
      context.clip();
      this.model.figure.spans.forEach(([kind, begin, end, label], place) => {
        const from = u.valToPos(begin, "x", true);
        const wide = Math.max(u.valToPos(end, "x", true) - from, 1);
        context.fillStyle = kind === "warm-up" || kind === "gap" ? color("--shade") : faded(color(kind === "fault" ? "--bad" : "--mark"), 0.15);
        context.fillRect(from, top, wide, height);
        if (place === 0 && label) this.note(context, label, from + 4 * this.pixel, top, color("--muted"), wide);
      });
      context.restore();
    }

    note(context, text, x, top, ink, room) {
      context.font = `${11 * this.pixel}px ${getComputedStyle(document.body).fontFamily}`;
      context.fillStyle = ink;
      context.textAlign = "left";
      context.textBaseline = "top";
      if (context.measureText(text).width < room) context.fillText(text, x, top + 3 * this.pixel);
    }

    drawMarks(u) {
      const { left, top, width, height } = u.bbox;
      const { figure } = this.model;
      const context = u.ctx;
      context.save();
      const [, name] = figure.log ? [1, ""] : this.valueScale(u.scales.y.min, u.scales.y.max);
      context.font = `${12 * this.pixel}px ${getComputedStyle(document.body).fontFamily}`;
      context.fillStyle = color("--muted");
      context.textAlign = "right";
      context.textBaseline = "bottom";
      const shown = figure.log ? "" : `${name}${figure.unit.suffix}`;
      if (shown) context.fillText(shown, Math.max(left - 5 * this.pixel, context.measureText(shown).width + 2), top - 6 * this.pixel);
      context.beginPath();
      context.rect(left, top, width, height);
      context.clip();
      context.lineWidth = 1.4 * this.pixel;
      figure.levels.forEach(([label, value]) => {
        const y = u.valToPos(value, "y", true);
        context.strokeStyle = color("--muted");
        context.setLineDash([6 * this.pixel, 3 * this.pixel]);
        line(context, left, y, left + width, y);
        this.note(context, label, left + 6 * this.pixel, y, color("--muted"), width);
      });
      const within = figure.marks.filter(([, at]) => at >= u.scales.x.min && at <= u.scales.x.max);
      const events = within.filter(([kind]) => kind !== "fault");
      within.forEach(([kind, at]) => {
        const x = u.valToPos(at, "x", true);
        context.strokeStyle = color(MARK_COLOR[kind] || "--mark");
        context.setLineDash(kind === "fault" ? [] : [2 * this.pixel, 2 * this.pixel]);
        line(context, x, top + height, x, kind === "fault" ? top + height * 0.94 : top);
      });
      context.setLineDash([]);
      let taken = -Infinity;
      if (events.length <= MOST_LABELS) {
        events.forEach(([kind, at, label]) => {
          const x = u.valToPos(at, "x", true) + 4 * this.pixel;
          if (x < taken) return;
          this.note(context, label || kind, x, top, color(MARK_COLOR[kind] || "--mark"), left + width - x);
          taken = x + context.measureText(label || kind).width;
        });
      }
      context.restore();
    }

    // --- legend and values

    makeLegend() {
      this.texts = [];
      this.model.entries.forEach((entry) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "entry";
        button.title = "Show or hide";
        const sign = document.createElement("i");
        sign.className = `sign ${entry.band ? "area" : "stroke"} ${entry.role}`;
        if (entry.role === "series") sign.dataset.number = entry.number;
        const name = document.createElement("span");
        name.textContent = entry.label;
        const value = document.createElement("output");
        button.append(sign, name, value);
        button.addEventListener("click", () => this.toggle(entry, button));
        this.legend.append(button);
        this.texts.push(value);
        const shown = !this.hidden.has(entry.label);
        button.setAttribute("aria-pressed", String(shown));
        if (!shown) this.setShown(entry, false);
      });
      this.when = document.createElement("span");
      this.when.className = "when";
      this.all = document.createElement("button");
      this.all.type = "button";
      this.all.className = "entry all";
      this.all.textContent = "Show all of the time";
      this.all.hidden = true;
      this.all.addEventListener("click", () => zoom(this, null, null));
      this.legend.append(this.when, this.all);
    }

    toggle(entry, button) {
      const shown = this.hidden.has(entry.label);
      if (shown) this.hidden.delete(entry.label);
      else this.hidden.add(entry.label);
      button.setAttribute("aria-pressed", String(shown));
      this.setShown(entry, shown);
    }

    setShown(entry, shown) {
      entry.places.forEach((place) => this.plot.setSeries(place, { show: shown }));
    }

    values(u) {
      if (!this.texts) return;
      const at = u.cursor.idx;
      const inside = at !== null && at !== undefined && u.cursor.left >= 0;
      const seconds = inside ? u.posToVal(u.cursor.left, "x") : 0;
      this.texts.forEach((text, place) => {
        text.textContent = inside ? this.valueAt(u, this.model.entries[place]) : "";
      });
      this.when.textContent = inside ? `at ${clockText(seconds, true)}${this.eventsNear(u, seconds)}` : "";
    }

    valueAt(u, entry) {
      const found = entry.places.map((place) => {
        if (this.isStraight(place)) return between(u, place, u.posToVal(u.cursor.left, "x"));
        const at = u.cursor.idxs[place];
        return at === null || at === undefined ? null : u.data[place][at];
      });
      if (found.some((one) => one === null || one === undefined)) return "";
      const { unit, log } = this.model.figure;
      const shown = log ? 0 : u.scales.y.max - u.scales.y.min;
      const texts = found.map((one) => written(unit, one, shown));
      return entry.band ? `${texts[1]} to ${texts[0]}` : texts[0];
    }

    eventsNear(u, seconds) {
      const room = (u.posToVal(NEAR, "x") - u.posToVal(0, "x")) || 0;
      const near = this.model.figure.marks.filter(([, at]) => Math.abs(at - seconds) <= room).slice(0, 3);
      return near.map(([kind, at, label]) => `; ${label || kind} at ${clockText(at, true)}`).join("");
    }

    // --- hands

    selected(u) {
      const { left, width } = u.select;
      if (width < 1) return;
      const min = u.posToVal(left, "x");
      const max = u.posToVal(left + width, "x");
      u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      zoom(this, min, max);
    }

    pan(event) {
      const [min, max] = this.timeRange();
      const begin = event.clientX;
      const wide = this.plot.over.clientWidth || 1;
      const move = (moved) => {
        const by = ((begin - moved.clientX) / wide) * (max - min);
        if (this.clock.range) zoom(this, min + by, max + by);
      };
      const end = () => {
        document.removeEventListener("mousemove", move);
        document.removeEventListener("mouseup", end);
      };
      document.addEventListener("mousemove", move);
      document.addEventListener("mouseup", end);
    }

    // The wheel belongs to the page unless the chart has the focus, or with ctrl.
    wheel(event) {
      if (!event.ctrlKey && document.activeElement !== this.stage) return;
      event.preventDefault();
      const box = this.plot.over.getBoundingClientRect();
      const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      this.scale(event.deltaY < 0 ? 0.75 : 4 / 3, share);
    }

    scale(by, share) {
      const [min, max] = this.timeRange();
      const about = min + share * (max - min);
      zoom(this, about - (about - min) * by, about + (max - about) * by);
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const u = this.plot;
      const wide = u.over.clientWidth;
      const here = u.cursor.left >= 0 ? u.cursor.left : wide / 2;
      const step = event.shiftKey ? wide / 10 : wide / 100;
      const moves = { ArrowLeft: -step, ArrowRight: step };
      if (event.key in moves) this.move(here + moves[event.key], wide);
      else if (event.key === "+" || event.key === "=") this.scale(0.5, here / wide);
      else if (event.key === "-") this.scale(2, here / wide);
      else if (event.key === "0") zoom(this, null, null);
      else if (event.key === "Home") this.move(0, wide);
      else if (event.key === "End") this.move(wide, wide);
      else return;
      event.preventDefault();
    }

    move(to, wide) {
      const [min, max] = this.timeRange();
      let left = to;
      if (this.clock.range && (to < 0 || to > wide)) {
        const by = ((max - min) / wide) * (to < 0 ? to : to - wide);
        zoom(this, min + by, max + by);
      }
      left = Math.min(Math.max(left, 0), wide);
      this.plot.setCursor({ left, top: this.plot.over.clientHeight / 2 });
      const read = this.model.entries.map((entry) => [entry.label, this.valueAt(this.plot, entry)]);
      const values = read.filter(([label, text]) => text && !this.hidden.has(label)).map(([label, text]) => `${label} ${text}`);
      this.said.textContent = `${this.when.textContent}: ${values.join(", ") || "no value"}`;
    }

    // --- new data

    update(figure) {
      const model = modelled(figure);
      this.clock.last = Math.max(this.clock.last, figure.last);
      if (model.shape !== this.model.shape || figure.log !== this.model.figure.log || figure.clock !== this.model.figure.clock) {
        this.clock.members.delete(this);
        this.plot.destroy();
        this.make(model);
        return;
      }
      this.model = model;
      this.plot.setData(model.data, false);
      this.show();
    }
  }

  function line(context, fromX, fromY, toX, toY) {
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
    context.stroke();
  }

  // Of a logarithmic axis 1 and 10, over two decades or less 3 and 30 as well.
  function round(u, splits) {
    const { min, max } = u.scales.y;
    return splits.map((value) => {
      const first = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
      return Math.abs(first - 1) < 1e-6 || (max / min <= 100 && Math.abs(first - 3) < 1e-6) ? value : null;
    });
  }

  function axisSize(u, values) {
    if (!values) return 56;
    u.ctx.font = u.axes[1].font[0];
    const longest = Math.max(0, ...values.map((one) => (one === null ? 0 : u.ctx.measureText(one).width)));
    return Math.max(56, Math.ceil(longest / (window.devicePixelRatio || 1)) + 12);
  }

  // Series have times of their own: the value nearest to the pointer that this one has, unless it is in a gap.
  function nearest(u, place, at) {
    const values = u.data[place];
    if (values[at] !== undefined) return at;
    let below = at;
    let above = at;
    while (below >= 0 && values[below] === undefined) below--;
    while (above < values.length && values[above] === undefined) above++;
    const low = below < 0 ? null : values[below];
    const high = above >= values.length ? null : values[above];
    if (low === null && high === null) return null;
    if (low === null || high === null) {
      const only = low === null ? above : below;
      return Math.abs(only - at) <= 2 ? only : null;
    }
    const times = u.data[0];
    return times[at] - times[below] <= times[above] - times[at] ? below : above;
  }

  // The value of a straight line at a time; null outside of it.
  function between(u, place, time) {
    const times = u.data[0];
    const values = u.data[place];
    let last = null;
    for (let i = 0; i < times.length; i++) {
      const value = values[i];
      if (value === null) last = null;
      if (value === null || value === undefined) continue;
      if (times[i] >= time) {
        if (times[i] === time || last === null) return times[i] === time ? value : null;
        return values[last] + ((value - values[last]) * (time - times[last])) / (times[i] - times[last]);
      }
      last = i;
    }
    return null;
  }

  // --- the page

  function figureData(element) {
    return JSON.parse(element.querySelector(':scope > script[type="application/json"]').textContent);
  }

  function start(element) {
    const holder = element.agingChart;
    if (!holder || holder.chart) return;
    try {
      holder.chart = new LiveChart(element, holder.figure || figureData(element));
    } catch (error) {
      element.classList.remove("is-live");
      console.error(`chart ${element.dataset.key}`, error);
    }
  }

  const seen = new IntersectionObserver(
    (entries) => {
      entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
        seen.unobserve(entry.target);
        start(entry.target);
      });
    },
    { rootMargin: "300px" },
  );

  /** Every chart below an element; each is made when it is about to be seen. */
  function attach(root) {
    root.querySelectorAll('figure[data-figure="chart"]').forEach((element) => {
      if (element.agingChart) return;
      element.agingChart = { chart: null, figure: null };
      const key = element.dataset.key;
      if (!figures.has(key)) figures.set(key, new Set());
      figures.get(key).add(element);
      seen.observe(element);
    });
  }

  /** New data, as aging.report.charts.encoding makes them, for the charts of a key; whether there is any. */
  function update(key, figure) {
    const elements = [...(figures.get(key) || [])].filter((element) => element.isConnected);
    elements.forEach((element) => {
      element.agingChart.figure = figure;
      if (element.agingChart.chart) element.agingChart.chart.update(figure);
    });
    return elements.length > 0;
  }

  const live = () => [...clocks.values()].flatMap((clock) => [...clock.members]);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => live().forEach((one) => one.plot.redraw(false, true)));

  return { attach, update, charts: live };
})();
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => AgingCharts.attach(document));
else AgingCharts.attach(document);
