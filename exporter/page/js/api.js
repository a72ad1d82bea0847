// The exporter's REST paths, as far as the page asks them. Their addresses are relative: the page may lie behind a proxy.

/** Answer with a customer's rows by month and type. */
export async function customerRows(customer, signal) {
  // Given twice it is a list, and so never taken apart at its commas.
  const query = new URLSearchParams([["customer", customer], ["customer", customer]]);
  const rows = await get(`api/v1/subtotals?${query}`, signal);
  return rows.filter((row) => row.customer === customer);
}

/** Answer with how much of each of a customer's own budgets is used in a month. */
export async function customerBudgets(customer, month, signal) {
  // A browser takes these names for steps in a path, in whatever way they are written.
  if (customer === "." || customer === "..") return [];
  const query = new URLSearchParams({ ...(month && { month }) });
  return (await get(`customers/${encodeURIComponent(customer)}/budgets?${query}`, signal)).budgets;
}

/** Answer with a customer's issued invoices, oldest first. */
export async function customerInvoices(customer, signal) {
  return (await get(`invoices?${new URLSearchParams({ customer, limit: 1_000 })}`, signal)).invoices;
}

/** Answer with what a customer's invoice of an open month would say now; null if there is nothing to invoice. */
export function draftInvoice(customer, month, signal) {
  return get(`invoices/${encodeURIComponent(customer)}/${month}`, signal, null);
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

async function get(path, signal, unknown) {
  const response = await fetch(path, { signal, headers: { Accept: "application/json" } });
  const body = await response.json().catch(() => ({}));
  if (response.status === 404 && unknown !== undefined) return unknown;
  if (!response.ok) throw new Error(body.message ?? `the server answered ${response.status}`);
  return body;
}
