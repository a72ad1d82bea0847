// Money is a decimal text from the server and stays exact: micros in a BigInt. A float is made for a chart's pixels only.

const MICROS_PER_UNIT = 1_000_000n;
const MICRO_DIGITS = 6;
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

/** Return whole minor units of so many digits, half-up: half a unit goes away from zero. */
export function roundToMinor(micros, digits) {
  const unit = 10n ** BigInt(MICRO_DIGITS - digits);
  const minor = (magnitude(micros) + unit / 2n) / unit;
  return micros < 0n ? -minor : minor;
}

// The minor units of billing/currency.py; all other currencies have two digits. Browsers differ: some have none for IDR.
const CODES_BY_DIGITS = {
  0: ["ADP BIF BYR CLP DJF ESP GNF ISK ITL JPY KMF KRW LUF MGF MRO PYG RWF SLL STD TMM TRL UGX UYI VND VUV",
    "XAF XOF XPF ZMK ZWD"].join(" "),
  3: "BHD IQD JOD KWD LYD OMR TND",
  4: "CLF UYW",
};
const MINOR_DIGITS = new Map(Object.entries(CODES_BY_DIGITS).flatMap(([digits, codes]) => codes.split(" ").map((code) => [code, Number(digits)])));

/** Return how many fractional digits an amount of a currency is paid with: 2 for EUR, 0 for JPY, 3 for KWD. */
export function minorDigits(currency) {
  return MINOR_DIGITS.get(currency) ?? 2;
}

/** Return an amount for reading: rounded to the minor unit, thousands apart, with the currency's sign. */
export function readable(text, currency) {
  const digits = minorDigits(currency);
  const minor = roundToMinor(parseMicros(text), digits);
  const size = magnitude(minor);
  const scale = 10n ** BigInt(digits);
  const fraction = digits ? `.${String(size % scale).padStart(digits, "0")}` : "";
  return `${minor < 0n ? "−" : ""}${sign(currency)}${grouped(size / scale)}${fraction}`;
}

/** Return an amount for reading to the micro, in two parts: what an invoice could show, and the digits behind it. */
export function readableExact(text, currency) {
  const micros = parseMicros(text);
  const size = magnitude(micros);
  const fraction = String(size % MICROS_PER_UNIT).padStart(MICRO_DIGITS, "0");
  const digits = minorDigits(currency);
  const units = `${micros < 0n ? "−" : ""}${sign(currency)}${grouped(size / MICROS_PER_UNIT)}`;
  if (digits === 0) return [units, `.${fraction}`];
  return [`${units}.${fraction.slice(0, digits)}`, fraction.slice(digits)];
}

/** Return units as a float: for a chart's coordinates and widths, never for a number that is read. */
export function toCoordinate(micros) {
  return Number(micros) / 1e6;
}

/** Return a rough amount for an axis. */
export function axisLabel(units, currency) {
  const size = Math.abs(units);
  const digits = size < 10 && size % 1 !== 0 ? Math.max(2, minorDigits(currency)) : 0;
  const options = size < 10_000
    ? { minimumFractionDigits: digits, maximumFractionDigits: Math.max(2, digits) }
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
