// One customer: a month by type, all months, the events behind it, the invoices issued, and the draft of an open month's.

import { customerOverview } from "./api.js";
import { EventsBehind } from "./behind.js";
import { byId, element, empty, setAttribute, setText, table } from "./dom.js";
import { count, counted, monthName, time } from "./format.js";
import { parseMicros, readableExact, toCoordinate } from "./money.js";
import { amount, badge, bar, placeLink, setExactAmount, setStatus, shareText, typeName } from "./parts.js";

const REFRESH_MS = 2_000;

/** The customer that is shown, kept up to date: by documents that are handed in, or asked for as the overview moves. */
export class CustomerView {
  #root = byId("customer");
  #behind = new EventsBehind();
  #customer = null;
  #month = null;
  #request = null;
  #version = null;
  #fetchedAt = -Infinity;
  #later = null;

  /** Show whose numbers will come. */
  open(customer) {
    if (customer === this.#customer) return;
    this.#customer = customer;
    this.#build(customer);
  }

  /** Show a customer, asked for again when the overview's document shows that anything has changed. */
  async follow(customer, overview, place) {
    const month = overview.month;
    const moved = customer !== this.#customer || month !== this.#month;
    this.open(customer);
    this.#month = month;
    const version = JSON.stringify([overview.events.accepted, overview.months.length, overview.status]);
    if (moved) this.#version = null;
    clearTimeout(this.#later);
    if (version === this.#version) return;
    const pause = moved ? 0 : this.#fetchedAt + REFRESH_MS - performance.now();
    if (pause > 0) {
      this.#later = setTimeout(() => this.follow(customer, overview, place), pause);
      return;
    }
    this.#fetchedAt = performance.now();
    const back = place.month ? `?month=${place.month}` : "?";
    await this.#fetch(customer, month, version, { back, newest: overview.months.at(-1)?.month });
  }

  /** Show nobody. */
  leave() {
    clearTimeout(this.#later);
    this.#request?.abort();
    this.#behind.leave();
    this.#customer = this.#month = this.#version = null;
    this.#root.replaceChildren();
  }

  /** Show a customer's document; `newest` is the month that a link without one leads to, `back` leads to all customers. */
  fill(doc, { newest, back = null }) {
    const { customer, month, invoices } = doc;
    const slots = new Map(doc.types.map((type, slot) => [type, slot % 8]));
    const months = doc.months.map((one) => readMonth(one, slots)).reverse();
    const shown = months.find((one) => one.month === month);
    const known = months.length || invoices.length;
    byId("customer-back").parentElement.hidden = back === null;
    byId("customer-back").href = back ?? "?";
    byId("customer-parts").hidden = !known;
    setStatus(this.#root.querySelector("h1 .badge"), shown?.status);
    this.#fillTotal(shown, doc, unbilled(doc, known, back === null));
    if (!known) return;
    const found = { ...doc, months, shown, slots, newest };
    this.#behind.offer({ ...doc, month: shown ? month : null });
    for (const show of [fillTypes, fillMonths, fillBudgets, fillInvoice, fillIssued]) show(found);
  }

  async #fetch(customer, month, version, around) {
    this.#request?.abort();
    const { signal } = this.#request = new AbortController();
    try {
      const doc = await customerOverview(customer, month, signal);
      if (signal.aborted) return;
      this.#version = version;
      this.fill(doc, around);
    } catch (error) {
      if (!signal.aborted) setText(byId("customer-note"), `Cannot be shown: ${error.message}`);
    }
  }

  #build(customer) {
    this.#behind.leave();
    const heading = element("h1", { id: "customer-title", tabindex: "-1" }, element("span", { dir: "auto" }, customer), " ", element("span", { class: "badge", hidden: true }));
    this.#root.replaceChildren(
      element("p", { class: "back", hidden: true }, element("a", { id: "customer-back", "data-in-page": true, href: "?" }, "← All customers")),
      element("section", { class: "hero", "aria-labelledby": "customer-title" },
        element("div", {}, heading,
          element("p", { class: "hero-total" }, element("data", { id: "customer-total" }, "–")),
          element("p", { class: "hero-change", id: "customer-note" }, "Looking up…"))),
      element("div", { class: "columns", id: "customer-parts", hidden: true },
        part("customer-types", "By type"),
        part("customer-months", "Months"), part("customer-budgets", "Budgets"),
        part("customer-invoice", "Invoice"), part("customer-issued", "Invoices issued"),
        part("customer-behind", "Events", element("p", { class: "note" }, element("a", { id: "customer-events", "data-file": "events.json" }, "The events behind it, as JSON")))));
  }

  #fillTotal(shown, { month, currency }, none) {
    const total = byId("customer-total");
    if (shown) {
      setExactAmount(total, shown.total, currency);
      setText(byId("customer-note"), `${counted(shown.count, "event")} in ${monthName(month)}`);
    } else {
      total.removeAttribute("value");
      setText(total, "–");
      setText(byId("customer-note"), none);
    }
  }
}

/** Return why there is no total. */
function unbilled({ customer, month, months }, known, isOwn) {
  if (months.length) return `No events in ${monthName(month)}; ${counted(months.length, "month")} with events below`;
  if (known) return "All events were taken back";
  if (isOwn) return "No events yet";
  return `There is no customer of this name. Names are told apart letter by letter: “${customer}”.`;
}

/** Return a month with its micros, and its types in their order. */
function readMonth(one, slots) {
  const types = [...slots.keys()].filter((type) => type in one.types).map((type) => ({ type, ...one.types[type] }));
  return { ...one, micros: parseMicros(one.total), types };
}

function part(id, title, ...more) {
  return element("section", { class: "card", "aria-labelledby": `${id}-title` },
    element("div", { class: "card-head" }, element("h2", { id: `${id}-title` }, title), element("p", { class: "note", id: `${id}-note` })),
    element("div", { id }), ...more);
}

function fillTypes({ shown, slots, currency, month }) {
  setText(byId("customer-types-note"), monthName(month));
  if (!shown) return empty(byId("customer-types"), `No events in ${monthName(month)}.`);
  const part = ({ total }) => (shown.micros ? toCoordinate(parseMicros(total)) / toCoordinate(shown.micros) : null);
  table(byId("customer-types"), `Totals by type in ${monthName(month)}`, [
    { title: "Type", of: (one) => typeName(one.type, slots.get(one.type)) },
    { title: "Events", number: true, of: (one) => count(one.count) },
    { title: "Share", number: true, class: "with-bar", of: (one) => element("span", { class: "barred" }, bar(part(one), slots.get(one.type)), shareText(part(one))) },
    { title: "Total", number: true, of: (one) => amount(one.total, currency) },
  ], shown.types, (one) => one.type);
}

function fillMonths({ customer, months, month, newest, currency }) {
  if (!months.length) return empty(byId("customer-months"), "No month has any events left.");
  const largest = months.reduce((most, { micros }) => (micros > most ? micros : most), 1n);
  const columns = [
    { title: "Month", of: (one) => placeLink(monthName(one.month), { customer, month: one.month === newest ? null : one.month }) },
    { title: "Status", of: (one) => badge(one.status, one.status) },
    { title: "Events", number: true, class: "minor", of: (one) => count(one.count) },
    { title: "Total", number: true, class: "with-bar wide", of: (one) => element("span", { class: "barred" }, bar(toCoordinate(one.micros) / toCoordinate(largest)), amount(one.total, currency)) },
  ];
  columns.rowAttributes = (one) => ({ "aria-current": one.month === month && "true" });
  table(byId("customer-months"), "Months with events, newest first", columns, months, (one) => one.month);
}

function fillBudgets({ budgets, month }) {
  const root = byId("customer-budgets");
  root.parentElement.hidden = !budgets.length;
  setText(byId("customer-budgets-note"), monthName(month));
  if (!budgets.length) return;
  const written = (one, number) => (one.currency ? amount(number, one.currency) : count(Number(number)));
  table(root, `Budgets in ${monthName(month)}`, [
    { title: "Budget", of: (one) => one.budget },
    { title: "Counts", class: "minor", of: (one) => one.type ?? "all types" },
    { title: "Limit", number: true, of: (one) => written(one, one.limit) },
    { title: "Used", number: true, of: (one) => written(one, one.used) },
    { title: "Share", number: true, class: "with-bar", of: (one) => element("span", { class: "barred" }, bar(one.used_ratio), shareText(one.used_ratio)) },
    { title: "Reached", number: true, of: (one) => (one.reached_percent === null ? "–" : `${one.reached_percent}%`) },
  ], budgets, (one) => one.budget);
}

function fillInvoice({ invoice, month, time_zone: zone }) {
  const root = byId("customer-invoice");
  const issued = invoice?.status === "final";
  setText(byId("customer-invoice-title"), issued ? `Invoice ${invoice.number}` : `Invoice for ${monthName(month)}`);
  setText(byId("customer-invoice-note"), !invoice ? "" : issued ? `Issued ${time(invoice.issued_at, zone, { second: undefined })}` : "Draft: what it would say now");
  if (!invoice) return empty(root, `Nothing to invoice for ${monthName(month)}.`);
  const lines = [...invoice.lines, ...invoice.adjustments.map((line) => ({ ...line, adjustment: true }))];
  table(root, `Lines of the invoice for ${monthName(month)}`, [
    { title: "Line", of: (line) => (line.adjustment ? `${line.type}, adjustment of ${monthName(line.month)}` : line.type) },
    { title: "Events", number: true, of: (line) => count(line.count) },
    { title: "Exact", number: true, class: "minor", of: (line) => readableExact(line.exact, invoice.currency).join("") },
    { title: "Amount", number: true, of: (line) => amount(line.amount, invoice.currency) },
  ], lines, (line) => JSON.stringify([line.month, line.type]));
  let sum = root.querySelector(".sum");
  if (!sum) root.append(sum = element("p", { class: "sum" }, element("span"), element("data")));
  setText(sum.firstChild, invoice.document === "invoice" ? "Total" : "Credit");
  sum.lastChild.replaceWith(amount(invoice.total, invoice.currency));
  setAttribute(root, "data-status", invoice.status);
}

function fillIssued({ customer, invoices: issued, time_zone: zone }) {
  const root = byId("customer-issued");
  setText(byId("customer-issued-note"), issued.length ? count(issued.length) : "");
  if (!issued.length) return empty(root, "None yet. They are issued when a month closes.");
  table(root, "Invoices issued, newest first", [
    { title: "Number", class: "code", of: (one) => placeLink(one.number, { customer, month: one.month }) },
    { title: "Issued", class: "minor", of: (one) => time(one.issued_at, zone, { hour: undefined, minute: undefined, second: undefined }) },
    { title: "Total", number: true, of: (one) => amount(one.total, one.currency) },
  ], [...issued].reverse(), (one) => one.number);
}
