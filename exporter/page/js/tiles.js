// A tile for each event type.

import { byId, drawing, element, reconcile, setAttribute, setText } from "./dom.js";
import { counted, share } from "./format.js";
import { basis } from "./hero.js";
import { parseMicros, readable, toCoordinate } from "./money.js";
import { bar, change, setAmount, typeName } from "./parts.js";

const WIDTH = 120;
const HEIGHT = 30;
const SPARK_POINTS = 56;

/** Show the types. */
export function showTiles(doc) {
  reconcile(byId("tiles"), doc.types, (one) => one.type, create, (tile, one, slot) => update(tile, one, slot, doc));
}

function create(one, slot) {
  const spark = drawing("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", "data-slot": slot % 8 },
    drawing("path", { class: "spark-area" }), drawing("path", { class: "spark-line" }));
  return element("li", { class: "tile card", "data-type": one.type },
    element("div", { class: "tile-head" }, element("h3", {}, typeName(one.type, slot % 8)), element("span", { class: "tile-change" })),
    element("p", { class: "tile-total" }, element("data")),
    spark,
    element("p", { class: "tile-foot" }, element("span", { class: "tile-count" }), element("span", { class: "tile-share" })),
    bar(0, slot % 8));
}

function update(tile, one, slot, doc) {
  setAmount(tile.querySelector(".tile-total data"), one.total, doc.currency);
  const changed = change(one.change);
  changed.title = one.change === null ? "No events in the month before" :
    `against ${basis(doc)}: ${readable(one.previous_to_date, doc.currency)}`;
  const head = tile.querySelector(".tile-change");
  if (!head.firstChild?.isEqualNode(changed)) head.replaceChildren(changed);
  setText(tile.querySelector(".tile-count"), counted(one.count, "event"));
  setText(tile.querySelector(".tile-share"), one.share === null ? "" : `${share(one.share)} of all`);
  tile.querySelector(".bar-fill").style.width = `${(100 * Math.min(1, Math.max(0, one.share ?? 0))).toFixed(1)}%`;
  drawSpark(tile.querySelector(".spark"), doc.series.types[one.type]?.total ?? [], doc.status === "open");
}

function drawSpark(spark, totals, open) {
  // The newest bucket of an open month is not full yet: as the last point it would look like a fall.
  const full = open && totals.length > 2 ? totals.slice(0, -1) : totals;
  const values = full.slice(-SPARK_POINTS).map((text) => toCoordinate(parseMicros(text)));
  if (values.length < 2) return clear(spark);
  const top = Math.max(...values, 0);
  const bottom = Math.min(...values, 0);
  const span = top - bottom || 1;
  const points = values.map((value, index) =>
    `${(index * WIDTH / (values.length - 1)).toFixed(1)},${(HEIGHT - 2 - (HEIGHT - 4) * (value - bottom) / span).toFixed(1)}`);
  setAttribute(spark.querySelector(".spark-line"), "d", `M${points.join("L")}`);
  setAttribute(spark.querySelector(".spark-area"), "d", `M0,${HEIGHT}L${points.join("L")}L${WIDTH},${HEIGHT}Z`);
}

function clear(spark) {
  for (const path of spark.children) path.removeAttribute("d");
}
