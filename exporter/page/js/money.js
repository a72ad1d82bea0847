// Money is a decimal text from the server and stays exact: micros in a BigInt. A float is made for a chart's pixels only.

const MICROS_PER_UNIT = 1_000_000n;
const MICROS_PER_CENT = 10_000n;
const AMOUNT = /^(-?)(\d+)(?:\.(\d{1,6}))?$/;

/** Return the micros that a decimal text stands for. */
export function parseMicros(text) {
  const match = AMOUNT.exec(text);
  if (!match) throw new TypeError(`${text} is not an amount`);
  const micros = BigInt(match[2]) * MICROS_PER_UNIT + BigInt((match[3] ?? "").padEnd(6, "0"));
  return match[1] ? -micros : micros;
}

/** Return the exact decimal text with six fractional digits, as the server writes it. */
export function formatMicros(micros) {
  const size = magnitude(micros);
  return `${micros < 0n ? "-" : ""}${size / MICROS_PER_UNIT}.${String(size % MICROS_PER_UNIT).padStart(6, "0")}`;
}

/** Return the whole cents, half-up: half a cent goes away from zero. */
export function roundToCents(micros) {
  const cents = (magnitude(micros) + MICROS_PER_CENT / 2n) / MICROS_PER_CENT;
  return micros < 0n ? -cents : cents;
}

/** Return an amount for reading: rounded to the cent, thousands apart, with the currency's sign. */
export function readable(text, currency) {
  const cents = roundToCents(parseMicros(text));
  const size = magnitude(cents);
  return `${cents < 0n ? "−" : ""}${sign(currency)}${grouped(size / 100n)}.${String(size % 100n).padStart(2, "0")}`;
}

/** Return an amount for reading to the micro, in two parts: up to the cents, and the digits behind them. */
export function readableExact(text, currency) {
  const micros = parseMicros(text);
  const size = magnitude(micros);
  const fraction = String(size % MICROS_PER_UNIT).padStart(6, "0");
  const units = `${micros < 0n ? "−" : ""}${sign(currency)}${grouped(size / MICROS_PER_UNIT)}`;
  return [`${units}.${fraction.slice(0, 2)}`, fraction.slice(2)];
}

/** Return units as a float: for a chart's coordinates and widths, never for a number that is read. */
export function toCoordinate(micros) {
  return Number(micros) / 1e6;
}

/** Return a rough amount for an axis. */
export function axisLabel(units, currency) {
  const size = Math.abs(units);
  const digits = size < 10 && size % 1 !== 0 ? 2 : 0;
  const options = size < 10_000
    ? { minimumFractionDigits: digits, maximumFractionDigits: 2 }
    : { notation: "compact", maximumFractionDigits: 1 };
  return `${units < 0 ? "−" : ""}${sign(currency)}${new Intl.NumberFormat("en", options).format(size)}`;
}

/** Return a currency's sign as English text has it (CLDR, as billing/currency.py), or its code and a space. */
export function sign(currency) {
  const options = { style: "currency", currency, currencyDisplay: "symbol" };
  const symbol = new Intl.NumberFormat("en", options).formatToParts(0).find((part) => part.type === "currency").value;
  return /[A-Za-z]$/.test(symbol) ? `${symbol}\u00a0` : symbol;
}

function grouped(units) {
  return String(units).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

function magnitude(amount) {
  return amount < 0n ? -amount : amount;
}
