// The month as a whole: its revenue to the micro, how that compares, and what it consists of.

import { byId, setText } from "./dom.js";
import { count, monthBefore, monthName } from "./format.js";
import { amount, change, setExactAmount, setFacts, setStatus } from "./parts.js";

/** Show the month's totals. */
export function showHero(doc) {
  const { totals, currency, month } = doc;
  setText(byId("hero-month"), month ? `Revenue in ${monthName(month)}` : "Revenue");
  setStatus(byId("hero-status"), doc.status);
  setExactAmount(byId("hero-total"), totals.total, currency);
  byId("hero-change").replaceChildren(...compared(doc));
  setFacts(byId("hero-facts"), [
    ["Events", count(totals.count)],
    ["Customers", count(totals.customers)],
    ["Average event", totals.average === null ? "–" : amount(totals.average, currency)],
    ["Events per second", count(doc.events.per_second), "Over the last ten seconds, whatever month they are of"],
  ]);
}

/** Return what a change is compared with, in words. */
export function basis(doc) {
  if (!doc.month) return "";
  const before = monthName(monthBefore(doc.month));
  return doc.status === "final" ? before : `the same part of ${before}`;
}

function compared(doc) {
  if (doc.totals.change === null) return [doc.month ? "No events in the month before to compare with" : "No events yet"];
  return [change(doc.totals.change), ` against ${basis(doc)} (`, amount(doc.totals.previous_to_date, doc.currency), ")"];
}
