// Where in the page somebody is: a month and a customer, in the URL, so that a link can be shared and "back" goes back.

const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/;

/** Return the place that the URL names; a month that is none is left out. */
export function currentPlace() {
  const query = new URLSearchParams(location.search);
  const month = query.get("month");
  return { month: MONTH.test(month ?? "") ? month : null, customer: query.get("customer") || null };
}

/** Return the link to a place. */
export function hrefOf({ month, customer }) {
  const query = new URLSearchParams();
  if (customer) query.set("customer", customer);
  if (month) query.set("month", month);
  return `?${query}`;
}

/** Go to a place, unless it is where one is already. */
export function go(place) {
  const now = currentPlace();
  if (now.month === (place.month ?? null) && now.customer === (place.customer ?? null)) return;
  history.pushState(null, "", hrefOf(place));
  dispatchEvent(new CustomEvent("placechange", { detail: { by: "link" } }));
}

/** Name another place in the URL, without going there. */
export function replace(place) {
  history.replaceState(null, "", hrefOf(place));
}

/** Call back on every move, by link or by the browser's buttons; links marked data-in-page do not load the page anew. */
export function onMove(callback) {
  addEventListener("popstate", () => callback("history"));
  addEventListener("placechange", (event) => callback(event.detail.by));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-in-page]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const query = new URL(link.href).searchParams;
    go({ month: query.get("month"), customer: query.get("customer") });
  });
}
