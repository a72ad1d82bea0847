// The exporter's REST paths, as far as the page asks them. Their addresses are relative: the page may lie behind a proxy.

import { request } from "./access.js";

/** Return the path of the overview's stream; without a month it follows the newest. */
export function overviewStream(month) {
  return `api/v1/live?${new URLSearchParams({ ...(month && { month }) })}`;
}

/** Return the path of a customer's stream; without a month it follows the newest of the customer's. */
export function customerStream(customer, month) {
  return `api/v1/customer/live?${new URLSearchParams({ customer, ...(month && { month }) })}`;
}

/** Answer with all that is shown of a customer. */
export function customerOverview(customer, month, signal) {
  return get(`api/v1/customer?${new URLSearchParams({ customer, ...(month && { month }) })}`, signal);
}

/** Return the path of the events behind a customer's month; null if a browser cannot ask for it. */
export function eventsPath(customer, month) {
  // A browser takes these names for steps in a path, in whatever way they are written.
  if (customer === "." || customer === "..") return null;
  return `customers/${encodeURIComponent(customer)}/events?month=${month}`;
}

/** Answer with the first issued invoices of a month; without one, of the newest that has any. */
export function invoices(month, limit, signal) {
  return get(`invoices?${new URLSearchParams({ ...(month && { month }), limit })}`, signal);
}

/** Answer with customers of a month whose names begin with something, as typed or with a capital letter. */
export async function customersNamed(prefix, month, limit, signal) {
  const [first] = prefix;
  const capital = first.toLocaleUpperCase() + prefix.slice(first.length);
  const answers = await Promise.all([...new Set([prefix, capital])].map((text) =>
    get(`customers?${new URLSearchParams({ prefix: text, ...(month && { month }), limit })}`, signal)));
  return answers.flatMap((answer) => answer.customers).slice(0, limit);
}

/** Answer with the JSON of a path; an error says what the server said. */
export async function get(path, signal) {
  const response = await request(path, { signal });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.message ?? `the server answered ${response.status}`);
  return body;
}
