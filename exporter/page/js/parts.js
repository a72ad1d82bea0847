// Small pieces that several parts of the page show.

import { element, setAttribute, setText } from "./dom.js";
import { share } from "./format.js";
import { readable, readableExact } from "./money.js";
import { hrefOf } from "./place.js";

/** Return an amount, rounded for the eye and exact in its value and tooltip. */
export function amount(text, currency) {
  return element("data", { value: text, title: exactTitle(text, currency) }, readable(text, currency));
}

/** Show an amount in an element that is there already. */
export function setAmount(node, text, currency) {
  setAttribute(node, "value", text);
  setAttribute(node, "title", exactTitle(text, currency));
  setText(node, readable(text, currency));
}

/** Show an amount to the micro, its last digits dimmed. */
export function setExactAmount(node, text, currency) {
  if (node.getAttribute("value") === text) return;
  const [payable, micros] = readableExact(text, currency);
  node.setAttribute("value", text);
  node.replaceChildren(payable, element("span", { class: "micros" }, micros));
}

/** Return a link to a customer. */
export function customerLink(customer, month) {
  return element("a", { href: hrefOf({ customer, month }), "data-in-page": true, dir: "auto" }, customer);
}

/** Return a link to a place within the page. */
export function placeLink(text, place) {
  return element("a", { href: hrefOf(place), "data-in-page": true }, text);
}

/** Show a month's status. */
export function setStatus(badge, status) {
  badge.hidden = !status;
  setAttribute(badge, "data-kind", status === "final" ? "final" : "open");
  setText(badge, status ?? "");
  setAttribute(badge, "title", status === "final" ? "Its invoices are issued" : "Its invoices are not issued yet");
}

/** Return a badge. */
export function badge(text, kind) {
  return element("span", { class: "badge", "data-kind": kind }, text);
}

/** Return a change as an arrow and a percentage. */
export function change(fraction) {
  if (fraction === null) return element("span", { class: "change" }, "–");
  const direction = fraction > 0.0005 ? "up" : fraction < -0.0005 ? "down" : "level";
  const [arrow, word] = { up: ["▲", "up"], down: ["▼", "down"], level: ["■", "level"] }[direction];
  return element("span", { class: "change", "data-direction": direction },
    element("span", { class: "arrow", "aria-hidden": "true" }, arrow),
    element("span", { class: "hidden" }, `${word} `), share(Math.abs(fraction)));
}

/** Return a bar as wide as a share. */
export function bar(fraction, slot = null) {
  const fill = element("span", { class: "bar-fill", "data-slot": slot });
  fill.style.width = `${(Math.min(1, Math.max(0, fraction ?? 0)) * 100).toFixed(1)}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, fill);
}

/** Return a share, as wide as any other, so that the bars before them begin at one line. */
export function shareText(fraction) {
  return element("span", { class: "share" }, share(fraction));
}

/** Return a coloured dot and a type's name. */
export function typeName(name, slot) {
  return element("span", { class: "type-name" }, element("span", { class: "dot", "data-slot": slot, "aria-hidden": "true" }), name);
}

/** Show facts: [name, text or node, hint] each. */
export function setFacts(list, facts) {
  const wanted = facts.map(([name, value, hint]) => element("div", { title: hint ?? null },
    element("dt", {}, name), element("dd", {}, value)));
  wanted.forEach((fact, index) => {
    const old = list.children[index];
    if (!old) list.append(fact);
    else if (!old.isEqualNode(fact)) old.replaceWith(fact);
  });
  while (list.children.length > wanted.length) list.lastElementChild.remove();
}

function exactTitle(text, currency) {
  return `exactly ${readableExact(text, currency).join("")}`;
}
