// Top customers, invoices, what was rejected, and how fresh and healthy all of it is.

import { invoices } from "./api.js";
import { byId, element, empty, reconcile, setAttribute, setText, table } from "./dom.js";
import { age, count, counted, monthName, share, time } from "./format.js";
import { amount, bar, customerLink, setFacts, shareText } from "./parts.js";

const INVOICES = 10;

const REASONS = {
  malformed: "Malformed",
  bad_timestamp: "Bad timestamp",
  future_timestamp: "Timestamp in the future",
  bad_customer: "Bad customer",
  bad_amount: "Bad amount",
  too_precise: "Too precise an amount",
  unknown_type: "Unknown type",
  too_large: "Too large",
  id_conflict: "Id used for another event",
  too_old_to_deduplicate: "Too old to tell a duplicate",
  unknown_id: "Void or replacement of no known event",
  already_voided: "Voided or replaced before",
};

/** Show the customers with the highest totals. */
export function showTop(doc, place) {
  byId("top-csv").href = `customers?${new URLSearchParams({ format: "csv", limit: 10_000, ...(doc.month && { month: doc.month }) })}`;
  if (!doc.top_customers.length) return empty(byId("top"), "No customers in this month.");
  const largest = Math.max(...doc.top_customers.map((one) => one.share ?? 0)) || 1;
  table(byId("top"), `Customers with the highest totals in ${monthName(doc.month)}`, [
    { title: "Customer", class: "name", of: (one) => customerLink(one.customer, place.month) },
    { title: "Events", number: true, class: "minor", of: (one) => count(one.count) },
    { title: "Share", number: true, class: "with-bar", of: (one) => element("span", { class: "barred" }, bar((one.share ?? 0) / largest), shareText(one.share)) },
    { title: "Revenue", number: true, of: (one) => amount(one.total, doc.currency) },
  ], doc.top_customers, (one) => one.customer);
}

/** Show what could not be billed, by reason, and how many records only repeated another. */
export function showRejected(doc) {
  const { accepted, rejected, duplicates, late, reasons } = doc.events;
  const consumed = accepted + rejected + duplicates;
  const repeated = duplicates ? `; ${counted(duplicates, "duplicate")}, counted once` : "";
  setText(byId("rejected-note"), consumed ? `${counted(rejected, "record")}, ${share(rejected / consumed)} of all${repeated}` : "");
  const rows = Object.entries(reasons).sort((a, b) => b[1] - a[1]);
  if (!rows.length) return empty(byId("rejected"), late ? `None. ${counted(late, "event")} came late and counted.` : "None.");
  table(byId("rejected"), "Rejected records by reason, since the beginning", [
    { title: "Reason", of: ([reason]) => REASONS[reason] ?? reason },
    { title: "Share", number: true, class: "with-bar", of: ([, number]) => element("span", { class: "barred" }, bar(number / rejected), shareText(number / rejected)) },
    { title: "Records", number: true, of: ([, number]) => count(number) },
  ], rows, ([reason]) => reason);
}

/** Show how fresh the numbers are, and the checks. */
export function showHealth(doc) {
  const { freshness, events, health } = doc;
  const badge = byId("health-badge");
  badge.hidden = false;
  setAttribute(badge, "data-kind", health.ok ? "good" : "bad");
  setText(badge, health.ok ? "ready" : "degraded");
  setFacts(byId("freshness"), [
    ["As of", time(doc.as_of, doc.time_zone), "The newest event time counted"],
    ["Lag", freshness.lag_records === null ? "unknown" : counted(freshness.lag_records, "record"), "Records in Kafka that are not counted yet"],
    ...(freshness.unmoved_records ? [["To be moved", counted(freshness.unmoved_records, "record"), "Of the lag: they wait in the input to be moved by customer"]] : []),
    ["Last commit", freshness.commit_age_seconds === null ? "–" : `${age(freshness.commit_age_seconds)} ago`, "When the processor last committed"],
    ["Delay", age(freshness.delay_seconds), "From Kafka to here, for the oldest event of the newest commit"],
    ["Accepted", counted(events.accepted, "record"), "Since the beginning: events, voids and replacements"],
    ["Duplicates", counted(events.duplicates, "record"), "They repeated an id, and changed nothing"],
    ["Taken back", counted(events.voids + events.replaces, "event"), `${counted(events.voids, "void")}, ${counted(events.replaces, "replacement")}`],
    ["Late", counted(events.late, "event"), "Counted, though behind the watermark"],
  ]);
  showChecks(health);
}

/** Show the checks one by one. */
export function showChecks(health) {
  reconcile(byId("checks"), health.checks, (check) => check.name, () => element("li", {}, element("span", { class: "mark" }), element("strong"), " ", element("span", { class: "note" })), (item, check) => {
    setAttribute(item, "data-ok", String(check.ok));
    setText(item.children[0], check.ok ? "✓" : "✗");
    setAttribute(item.children[0], "aria-label", check.ok ? "well" : "failing");
    setAttribute(item.children[0], "role", "img");
    setText(item.children[1], check.name);
    setText(item.children[2], check.message);
  });
}

/** The newest invoices: asked for again when a month closes or another is shown. */
export class Invoices {
  #asked = null;

  /** Show a final month's invoices, or those of the newest final month. */
  async show(doc, place) {
    const closed = doc.months.filter(({ status }) => status === "final").map(({ month }) => month);
    const month = closed.includes(doc.month) ? doc.month : null;
    const asked = JSON.stringify([month, closed.length, place.month]);
    if (asked === this.#asked) return;
    this.#asked = asked;
    try {
      const answer = await invoices(month, INVOICES);
      if (asked === this.#asked) showInvoices(answer);
    } catch (error) {
      this.#asked = null;
      empty(byId("invoices"), `Cannot be shown: ${error.message}`);
    }
  }
}

function showInvoices({ invoices: rows, month, next }) {
  setText(byId("invoices-note"), month && rows.length ? `${next ? "The first of" : "All of"} ${monthName(month)}` : "");
  if (!rows.length) return empty(byId("invoices"), "None yet. They are issued when a month closes.");
  table(byId("invoices"), `Invoices of ${monthName(month)}`, [
    { title: "Number", class: "code", of: (one) => one.number },
    { title: "Customer", class: "name", of: (one) => customerLink(one.customer, one.month) },
    { title: "Total", number: true, of: (one) => amount(one.total, one.currency) },
  ], rows, (one) => one.number);
}
