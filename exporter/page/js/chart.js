// Revenue over event time, by type: drawn with uPlot, read out in exact amounts, and there as a table too.

import { byId, element, reconcile, setAttribute, setText, table } from "./dom.js";
import { knownZone, time } from "./format.js";
import { axisLabel, formatMicros, parseMicros, readable, toCoordinate } from "./money.js";
import { amount, typeName } from "./parts.js";

const HEIGHT_PX = 300;
const TABLE_ROWS = 200;
const MS_PER_DAY = 86_400_000;

/** The chart, its legend and its table. */
export class RevenueChart {
  #root = byId("chart");
  #plot = null;
  #shape = "";
  #mode = "stacked";
  #hidden = new Set();
  #doc = null;
  #series = null;
  #index = null;

  constructor() {
    byId("chart-modes").addEventListener("click", (event) => this.#choose(event.target.closest("button")));
    this.#root.addEventListener("keydown", (event) => this.#walk(event));
    this.#root.addEventListener("blur", () => this.#point(null));
    byId("chart-table").addEventListener("toggle", () => this.#showTable());
    new ResizeObserver(() => this.#resize()).observe(this.#root);
    document.documentElement.addEventListener("themechange", () => this.#rebuild());
    // The axes are drawn on a canvas, which does not notice when the font has come.
    document.fonts?.ready.then(() => this.#rebuild());
  }

  /** Show a month's series. */
  show(doc) {
    this.#doc = doc;
    this.#series = readSeries(doc);
    const { bucket_seconds: seconds, times } = doc.series;
    setText(byId("chart-note"), times.length ? `By event time, per ${bucketName(seconds)}, ${doc.time_zone}` : "No events in this month");
    this.#draw();
    this.#showLegend();
    this.#showTable();
  }

  #choose(button) {
    if (!button) return;
    this.#mode = button.dataset.mode;
    for (const one of byId("chart-modes").children) one.setAttribute("aria-pressed", String(one === button));
    this.#rebuild();
  }

  #toggle(name) {
    if (!this.#hidden.delete(name)) this.#hidden.add(name);
    this.#rebuild();
  }

  #rebuild() {
    this.#shape = "";
    if (!this.#doc) return;
    this.#draw();
    this.#showLegend();
  }

  #draw() {
    const shown = this.#series.types.filter(({ name }) => !this.#hidden.has(name));
    const data = plotData(this.#series, shown, this.#mode, this.#doc);
    const shape = JSON.stringify([this.#mode, this.#doc.month, this.#doc.currency, this.#doc.series.bucket_seconds, shown.map(({ name }) => name), data[0].length > 0]);
    if (shape === this.#shape && this.#plot) {
      this.#plot.setData(data);
    } else {
      this.#plot?.destroy();
      this.#plot = data[0].length ? new uPlot(this.#options(shown), data, this.#root) : null;
      this.#shape = shape;
    }
    setAttribute(this.#root, "aria-label", this.#summary());
  }

  #options(shown) {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const zone = knownZone(this.#doc.time_zone);
    const seconds = this.#doc.series.bucket_seconds;
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: color("--muted"), font, ticks: { show: false } };
    const grid = { stroke: color("--line"), width: 1 };
    const stacked = this.#mode === "stacked";
    const paths = stacked ? uPlot.paths.bars({ size: [0.84, 48], align: 1 }) : uPlot.paths.linear();
    const series = shown.map(({ slot }) => {
      const hue = color(`--type-${slot % 8}`);
      if (stacked) return { fill: hue, width: 0, paths, points: { show: false } };
      return { stroke: hue, width: 2, paths, points: { show: this.#series.times.length < 3, size: 6, fill: hue } };
    });
    return {
      width: this.#root.clientWidth || 320,
      height: HEIGHT_PX,
      padding: [12, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: !stacked } },
      tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1_000), zone),
      scales: {
        x: { time: true, range: (_, low, high) => (stacked ? [low, high + seconds] : low === high ? [low - seconds, high + seconds] : [low, high]) },
        y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.06 : 1] },
      },
      axes: [
        { ...axis, grid: { show: false }, space: 70, size: 34, values: (_, stamps) => dayLabels(stamps, zone) },
        { ...axis, grid, size: 62, values: (_, values) => values.map((value) => axisLabel(value, this.#doc.currency)) },
      ],
      series: [{}, ...(stacked ? series.reverse() : series)],
      hooks: { setCursor: [(plot) => this.#pointed(plot.cursor.idx)] },
    };
  }

  #pointed(index) {
    if (index === this.#index) return;
    this.#index = index ?? null;
    this.#showLegend();
  }

  #point(index) {
    if (!this.#plot) return;
    const left = index === null ? -10 : this.#plot.valToPos(this.#plot.data[0][index], "x") + 1;
    this.#plot.setCursor({ left, top: index === null ? -10 : HEIGHT_PX / 2 });
  }

  #walk(event) {
    const last = (this.#plot?.data[0].length ?? 0) - 1;
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
    if (last < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const from = this.#index ?? (steps[event.key] < 0 ? last + 1 : -1);
    this.#point(Math.max(0, Math.min(last, from + steps[event.key])));
    setText(byId("chart-readout"), [...byId("chart-time").childNodes, ...byId("legend").children].map((node) => node.textContent).join(", "));
  }

  #resize() {
    const width = this.#root.clientWidth;
    if (this.#plot && width && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT_PX });
  }

  #showLegend() {
    const { times, types } = this.#series;
    const index = this.#index !== null && this.#index < times.length ? this.#index : null;
    const running = this.#mode === "running";
    const valueOf = ({ micros, sums, total }) => (index === null ? total : (running ? sums : micros)[index]);
    const shown = types.filter(({ name }) => !this.#hidden.has(name));
    const all = shown.reduce((sum, one) => sum + valueOf(one), 0n);
    const when = index === null ? "All of the month" : this.#bucketTime(index, running);
    setText(byId("chart-time"), times.length ? `${when}: ${readable(formatMicros(all), this.#doc.currency)}` : "");
    reconcile(byId("legend"), types, ({ name }) => name, ({ name, slot }) => this.#legendItem(name, slot), (item, one) => {
      setAttribute(item.firstChild, "aria-pressed", String(!this.#hidden.has(one.name)));
      setText(item.querySelector(".legend-value"), readable(formatMicros(valueOf(one)), this.#doc.currency));
    });
  }

  #legendItem(name, slot) {
    const button = element("button", { type: "button", class: "legend-item", title: `Show or hide ${name}` },
      typeName(name, slot % 8), element("span", { class: "legend-value" }));
    button.addEventListener("click", () => this.#toggle(name));
    return element("li", {}, button);
  }

  #bucketTime(index, running) {
    const { bucket_seconds: seconds, times } = this.#doc.series;
    const style = { second: undefined, year: undefined, weekday: "short" };
    const at = (moment) => time(moment, this.#doc.time_zone, style);
    return running ? `Up to ${at(bucketEnd(this.#doc, index))}` : `From ${at(times[index])}, ${bucketName(seconds)}`;
  }

  #summary() {
    const parts = this.#series.types.map(({ name, total }) => `${name} ${readable(formatMicros(total), this.#doc.currency)}`);
    return `Revenue over time by type. ${parts.join(", ")}`;
  }

  #showTable() {
    if (!byId("chart-table").open || !this.#doc) return;
    const { times, types } = this.#series;
    const rows = times.map((moment, index) => ({ moment, index })).slice(-TABLE_ROWS).reverse();
    const style = { second: undefined, year: undefined };
    const columns = [
      { title: "From", of: ({ moment }) => time(moment, this.#doc.time_zone, style) },
      ...types.map(({ name, micros }) => ({ title: name, number: true, of: ({ index }) => amount(formatMicros(micros[index]), this.#doc.currency) })),
    ];
    table(byId("chart-table").querySelector(".scroll"), "Revenue over time by type, newest first", columns, rows, ({ moment }) => moment);
  }
}

/** Return each type's micros by bucket, their running sums and their total. */
function readSeries({ types, series }) {
  return {
    times: series.times,
    types: types.map(({ type, total }, slot) => {
      const micros = (series.types[type]?.total ?? []).map(parseMicros);
      let sum = 0n;
      return { name: type, slot, micros, sums: micros.map((one) => (sum += one)), total: parseMicros(total) };
    }),
  };
}

/** Return where a bucket ends: where the next one begins, or the month ends, which cuts the last one short. */
function bucketEnd({ series: { bucket_seconds: seconds, times }, month_end: monthEnd }, index) {
  return times[index + 1] ?? Math.min(times[index] + seconds * 1_000, Date.parse(monthEnd));
}

function plotData({ times }, shown, mode, doc) {
  if (mode === "stacked") {
    const heights = times.map(() => 0n);
    const stack = shown.map(({ micros }) => micros.map((one, index) => toCoordinate(heights[index] += one)));
    return [times.map((moment) => moment / 1_000), ...stack.reverse()];
  }
  if (mode === "running") {
    return [times.map((_, index) => bucketEnd(doc, index) / 1_000), ...shown.map(({ sums }) => sums.map(toCoordinate))];
  }
  return [times.map((moment) => moment / 1_000), ...shown.map(({ micros }) => micros.map(toCoordinate))];
}

function bucketName(seconds) {
  const hours = seconds / 3_600;
  if (hours === 1) return "hour";
  return hours % 24 ? `${hours} hours` : hours === 24 ? "day" : `${hours / 24} days`;
}

/** Name the day where one begins, and the hour within it. */
function dayLabels(stamps, zone) {
  const within = stamps.length > 1 && (stamps[1] - stamps[0]) * 1_000 < MS_PER_DAY;
  let shown = "";
  return stamps.map((stamp) => {
    const day = time(stamp * 1_000, zone, { hour: undefined, minute: undefined, second: undefined, year: undefined });
    if (!within) return day;
    const hour = time(stamp * 1_000, zone, { second: undefined, year: undefined, month: undefined, day: undefined });
    if (day === shown) return hour;
    shown = day;
    return hour === "00:00" ? day : `${day} ${hour}`;
  });
}
