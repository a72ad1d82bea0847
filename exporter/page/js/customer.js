// One customer: a month by type, all months, the invoices issued, and the draft of an open month's.

import { customerBudgets, customerInvoices, customerRows, draftInvoice } from "./api.js";
import { byId, element, empty, setAttribute, setText, table } from "./dom.js";
import { count, counted, monthName, time } from "./format.js";
import { formatMicros, parseMicros, readableExact, toCoordinate } from "./money.js";
import { amount, badge, bar, placeLink, setExactAmount, setStatus, shareText, typeName } from "./parts.js";

const REFRESH_MS = 2_000;

/** The customer that is shown, kept up to date. */
export class CustomerView {
  #root = byId("customer");
  #customer = null;
  #month = null;
  #request = null;
  #version = null;
  #fetchedAt = -Infinity;
  #later = null;

  /** Show a customer and a month; both null show none. */
  async show(customer, doc, place) {
    const month = customer ? doc.month : null;
    const moved = customer !== this.#customer || month !== this.#month;
    if (!customer) return this.#leave();
    if (customer !== this.#customer) this.#build(customer);
    this.#customer = customer;
    this.#month = month;
    const version = JSON.stringify([doc.events.accepted, doc.months.length, doc.status]);
    if (moved) this.#version = null;
    clearTimeout(this.#later);
    if (version === this.#version) return;
    const pause = moved ? 0 : this.#fetchedAt + REFRESH_MS - performance.now();
    if (pause > 0) {
      this.#later = setTimeout(() => this.show(customer, doc, place), pause);
      return;
    }
    this.#fetchedAt = performance.now();
    await this.#fetch(customer, month, doc, place, version);
  }

  #leave() {
    clearTimeout(this.#later);
    this.#request?.abort();
    this.#customer = this.#month = this.#version = null;
    this.#root.replaceChildren();
  }

  async #fetch(customer, month, doc, place, version) {
    this.#request?.abort();
    const { signal } = this.#request = new AbortController();
    try {
      const [rows, issued] = await Promise.all([customerRows(customer, signal), customerInvoices(customer, signal)]);
      const budgets = rows.length ? await customerBudgets(customer, month, signal) : [];
      const months = byMonth(rows);
      const shown = months.find((one) => one.month === month);
      const invoice = issued.find((one) => one.month === month)
        ?? (doc.status === "open" && (shown || issued.length) ? await draftInvoice(customer, month, signal) : null);
      if (signal.aborted) return;
      this.#version = version;
      this.#fill({ customer, month, months, shown, issued, invoice, budgets, doc, place });
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    }
  }

  #build(customer) {
    const heading = element("h1", { id: "customer-title", tabindex: "-1" }, element("span", { dir: "auto" }, customer), " ", element("span", { class: "badge", hidden: true }));
    this.#root.replaceChildren(
      element("p", { class: "back" }, element("a", { id: "customer-back", "data-in-page": true, href: "?" }, "← All customers")),
      element("section", { class: "hero", "aria-labelledby": "customer-title" },
        element("div", {}, heading,
          element("p", { class: "hero-total" }, element("data", { id: "customer-total" }, "–")),
          element("p", { class: "hero-change", id: "customer-note" }, "Looking up…"))),
      element("div", { class: "columns", id: "customer-parts", hidden: true },
        part("customer-types", "By type", element("p", { class: "note" }, element("a", { id: "customer-events", hidden: true }, "The events behind it, as JSON"))),
        part("customer-months", "Months"), part("customer-budgets", "Budgets"),
        part("customer-invoice", "Invoice"), part("customer-issued", "Invoices issued")));
  }

  #fill(found) {
    const { customer, month, months, shown, issued, doc, place } = found;
    byId("customer-back").href = place.month ? `?month=${place.month}` : "?";
    const known = months.length || issued.length;
    byId("customer-parts").hidden = !known;
    setStatus(this.#root.querySelector("h1 .badge"), shown?.status);
    if (shown) {
      setExactAmount(byId("customer-total"), shown.total, doc.currency);
      setText(byId("customer-note"), `${counted(shown.count, "event")} in ${monthName(month)}`);
    } else {
      const total = byId("customer-total");
      total.removeAttribute("value");
      setText(total, "–");
      setText(byId("customer-note"), months.length
        ? `No events in ${monthName(month)}; ${counted(months.length, "month")} with events below`
        : known ? "All events were taken back" : `There is no customer of this name. Names are told apart letter by letter: “${customer}”.`);
    }
    if (!known) return;
    fillEvents(found);
    fillTypes(found);
    fillMonths(found);
    fillBudgets(found);
    fillInvoice(found);
    fillIssued(found);
  }

  #fail(error) {
    setText(byId("customer-note"), `Cannot be shown: ${error.message}`);
  }
}

function part(id, title, ...more) {
  return element("section", { class: "card", "aria-labelledby": `${id}-title` },
    element("div", { class: "card-head" }, element("h2", { id: `${id}-title` }, title), element("p", { class: "note", id: `${id}-note` })),
    element("div", { id }), ...more);
}

/** Return months, newest first, with exact totals, counts and types. */
function byMonth(rows) {
  const months = new Map();
  for (const { month, type, total, count: number, status } of rows) {
    const one = months.get(month) ?? { month, status, micros: 0n, count: 0, types: [] };
    one.micros += parseMicros(total);
    one.count += number;
    one.types.push({ type, total, count: number });
    months.set(month, one);
  }
  const found = [...months.values()].map((one) => ({ ...one, total: formatMicros(one.micros) }));
  return found.sort((a, b) => (a.month < b.month ? 1 : -1));
}

function fillEvents({ customer, shown, month, doc }) {
  const link = byId("customer-events");
  link.hidden = !shown || doc.standalone;
  setAttribute(link, "href", `customers/${encodeURIComponent(customer)}/events?month=${month}`);
}

function fillTypes({ shown, doc, month }) {
  setText(byId("customer-types-note"), monthName(month));
  if (!shown) return empty(byId("customer-types"), `No events in ${monthName(month)}.`);
  const slots = new Map(doc.types.map(({ type }, slot) => [type, slot % 8]));
  const part = ({ total }) => (shown.micros ? toCoordinate(parseMicros(total)) / toCoordinate(shown.micros) : null);
  table(byId("customer-types"), `Totals by type in ${monthName(month)}`, [
    { title: "Type", of: (one) => typeName(one.type, slots.get(one.type)) },
    { title: "Events", number: true, of: (one) => count(one.count) },
    { title: "Share", number: true, class: "with-bar", of: (one) => element("span", { class: "barred" }, bar(part(one), slots.get(one.type)), shareText(part(one))) },
    { title: "Total", number: true, of: (one) => amount(one.total, doc.currency) },
  ], shown.types, (one) => one.type);
}

function fillMonths({ customer, months, month, doc }) {
  if (!months.length) return empty(byId("customer-months"), "No month has any events left.");
  const newest = doc.months.at(-1)?.month;
  const largest = months.reduce((most, { micros }) => (micros > most ? micros : most), 1n);
  const columns = [
    { title: "Month", of: (one) => placeLink(monthName(one.month), { customer, month: one.month === newest ? null : one.month }) },
    { title: "Status", of: (one) => badge(one.status, one.status) },
    { title: "Events", number: true, class: "minor", of: (one) => count(one.count) },
    { title: "Total", number: true, class: "with-bar wide", of: (one) => element("span", { class: "barred" }, bar(toCoordinate(one.micros) / toCoordinate(largest)), amount(one.total, doc.currency)) },
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

function fillInvoice({ invoice, month, doc }) {
  const root = byId("customer-invoice");
  const issued = invoice?.status === "final";
  setText(byId("customer-invoice-title"), issued ? `Invoice ${invoice.number}` : `Invoice for ${monthName(month)}`);
  setText(byId("customer-invoice-note"), !invoice ? "" : issued ? `Issued ${time(invoice.issued_at, doc.time_zone, { second: undefined })}` : "Draft: what it would say now");
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

function fillIssued({ customer, issued, doc }) {
  const root = byId("customer-issued");
  setText(byId("customer-issued-note"), issued.length ? count(issued.length) : "");
  if (!issued.length) return empty(root, "None yet. They are issued when a month closes.");
  table(root, "Invoices issued, newest first", [
    { title: "Number", class: "code", of: (one) => placeLink(one.number, { customer, month: one.month }) },
    { title: "Issued", class: "minor", of: (one) => time(one.issued_at, doc.time_zone, { hour: undefined, minute: undefined, second: undefined }) },
    { title: "Total", number: true, of: (one) => amount(one.total, one.currency) },
  ], [...issued].reverse(), (one) => one.number);
}
