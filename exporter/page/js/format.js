// Counts, shares, ages, months and times as people read them.

const counts = new Intl.NumberFormat("en");
const shares = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** Return a count with its thousands apart; a dash if it is unknown: unknown is not zero. */
export function count(number) {
  return number === null || number === undefined ? "–" : counts.format(number);
}

/** Return a count and its noun. */
export function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** Return a fraction as a percentage; a dash if it is unknown. */
export function share(fraction) {
  return fraction === null || fraction === undefined ? "–" : shares.format(fraction).replace("-", "−");
}

/** Return a span of seconds in the unit that suits it. */
export function age(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 120) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** Return the name of a month such as 2017-02. */
export function monthName(month, style = "long") {
  const [year, number] = month.split("-").map(Number);
  const date = new Date(Date.UTC(2000, number - 1, 1));
  date.setUTCFullYear(year);
  return new Intl.DateTimeFormat("en", { month: style, year: "numeric", timeZone: "UTC" }).format(date);
}

/** Return the month before one such as 2017-02. */
export function monthBefore(month) {
  const [year, number] = month.split("-").map(Number);
  return number > 1
    ? `${String(year).padStart(4, "0")}-${String(number - 1).padStart(2, "0")}`
    : `${String(year - 1).padStart(4, "0")}-12`;
}

/** Return a time in the deployment's zone. */
export function time(moment, zone, options = {}) {
  if (moment === null || moment === undefined) return "–";
  const style = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  return formatter(zone, { ...style, hourCycle: "h23", ...options }).format(new Date(moment));
}

/** Return a time of the day in the deployment's zone. */
export function clock(moment, zone) {
  return formatter(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(new Date(moment));
}

/** Return a zone that this browser knows: the deployment's, or else UTC. */
export function knownZone(zone) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

const formatters = new Map();

function formatter(zone, options) {
  const key = JSON.stringify([zone, options]);
  if (!formatters.has(key)) formatters.set(key, new Intl.DateTimeFormat("en-GB", { ...options, timeZone: knownZone(zone) }));
  return formatters.get(key);
}
