// What a reader must know before the numbers: lost connection, catching up, trouble, made-up data, simulated time.

import { byId, element, reconcile, setAttribute, setText } from "./dom.js";
import { count, time } from "./format.js";

/** Show the banners that are due, the most urgent first. */
export function showBanners(doc, connection, lastKnown) {
  reconcile(byId("banners"), due(doc, connection, lastKnown), (one) => one.kind, create, update);
}

function due(doc, connection, lastKnown) {
  const found = [];
  const since = lastKnown ? ` The numbers below are as of ${time(lastKnown.as_of, lastKnown.time_zone)} (event time).` : "";
  if (connection === "lost") {
    found.push({ kind: "lost", level: "danger", title: "Connection lost", text: `Trying again by itself.${since}` });
  }
  if (doc && !doc.ready) {
    const text = `${sentence(doc.message)} Totals are shown as soon as they are known.${since}`;
    found.push({ kind: "waiting", level: "warning", title: "Not ready yet", text, fraction: doc.read_fraction });
  } else if (doc?.health?.ok === false && connection !== "lost") {
    const failing = doc.health.checks.filter((check) => !check.ok).map((check) => `${check.name}: ${check.message}`);
    found.push({ kind: "health", level: "danger", title: "Something is wrong", text: sentence(failing.join("; ")) });
  }
  if (doc?.standalone) {
    found.push({ kind: "standalone", level: "info", title: "Made-up data", text: "The exporter runs standalone, without Kafka: for a look around." });
  }
  if (doc?.simulated) {
    found.push({ kind: "simulated", level: "info", title: "Simulated time", text: "Event time runs by a simulation’s clock." });
  }
  return found;
}

function create({ level, kind }) {
  const role = level === "info" ? null : level === "danger" ? "alert" : "status";
  return element("div", { class: `banner ${level}`, role, "data-banner": kind }, element("strong"), " ", element("span"));
}

function update(node, { title, text, fraction }) {
  setText(node.querySelector("strong"), title);
  setText(node.querySelector("span"), text);
  let meter = node.querySelector("progress");
  if (fraction === null || fraction === undefined) {
    meter?.remove();
    return;
  }
  if (!meter) node.append(meter = element("progress", { max: 1, "aria-label": "Progress of catching up" }));
  setAttribute(meter, "value", fraction.toFixed(2));
  setAttribute(meter, "title", `${count(Math.floor(fraction * 100))} %`);
}

function sentence(text) {
  if (!text) return "";
  const begun = text[0].toLocaleUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
