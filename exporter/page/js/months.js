// The month picker: newest first, each with its status; the newest is followed as months pass.

import { byId, element, reconcile, setAttribute, setText } from "./dom.js";
import { monthName } from "./format.js";
import { currentPlace, go } from "./place.js";

/** Let the picker choose. */
export function startMonths() {
  const select = byId("month");
  select.addEventListener("change", () => choose(select.value));
  byId("month-before").addEventListener("click", () => step(1));
  byId("month-after").addEventListener("click", () => step(-1));
}

/** Show the months there are. */
export function showMonths(doc) {
  const select = byId("month");
  const known = doc.months.map(({ month, status }) => ({ month, status }));
  if (doc.month && !known.some(({ month }) => month === doc.month)) known.push({ month: doc.month, status: "no events" });
  known.sort((a, b) => (a.month < b.month ? 1 : -1));
  for (const child of [...select.children]) if (!child.reconcileKey) child.remove();
  reconcile(select, known, ({ month }) => month, ({ month }) => element("option", { value: month }), (option, { month, status }) => {
    setText(option, `${monthName(month)} · ${status}`);
  });
  select.disabled = !known.length;
  if (doc.month && select.value !== doc.month) select.value = doc.month;
  bound(select);
}

function choose(month) {
  const newest = byId("month").options[0].value;
  go({ ...currentPlace(), month: month === newest ? null : month });
}

function step(by) {
  const select = byId("month");
  const next = select.options[select.selectedIndex + by];
  if (!next) return;
  select.value = next.value;
  bound(select);
  choose(next.value);
}

function bound(select) {
  // Not `disabled`, which would take the focus away from whoever has just pressed it.
  setAttribute(byId("month-before"), "aria-disabled", select.selectedIndex >= select.options.length - 1 && "true");
  setAttribute(byId("month-after"), "aria-disabled", select.selectedIndex <= 0 && "true");
}
