// The page: what the live stream tells is handed to the parts, and a move to another month or customer too.

import { showBanners } from "./banners.js";
import { RevenueChart } from "./chart.js";
import { CustomerView } from "./customer.js";
import { byId, setAttribute, setText } from "./dom.js";
import { clock, monthName } from "./format.js";
import { showHero } from "./hero.js";
import { Invoices, showChecks, showHealth, showRejected, showTop } from "./lists.js";
import { Live } from "./live.js";
import { showMonths, startMonths } from "./months.js";
import { currentPlace, onMove } from "./place.js";
import { Search } from "./search.js";
import { showTiles } from "./tiles.js";

const PULSES = { connecting: "Connecting", live: "Live", lost: "Connection lost" };

const chart = new RevenueChart();
const customerView = new CustomerView();
const invoices = new Invoices();
const live = new Live(receive, connected);

let place = currentPlace();
let connection = "connecting";
let newest = null; // The newest document, ready or not.
let known = null; // The newest one with numbers.
let focusOn = null; // Where the focus goes once what was asked for is there.

startMonths();
new Search(() => (known?.months.some(({ month }) => month === place.month) ? place.month : null), announce);
onMove(move);
showPlace();
live.follow(place.month);

function receive(doc) {
  newest = doc;
  if (doc.ready) {
    known = doc;
    show();
  } else {
    showChecks(doc.health);
  }
  showState();
}

function connected(state) {
  if (state === connection) return;
  if (connection === "lost" && state === "live") announce("Connected again");
  connection = state;
  showState();
}

function show() {
  showMonths(known);
  if (place.customer) {
    customerView.show(place.customer, known, place);
  } else {
    showHero(known);
    showTiles(known);
    chart.show(known);
    showTop(known, place);
    invoices.show(known, place);
    showRejected(known);
    showHealth(known);
  }
  showLinks(known);
  settleFocus();
}

function move(by) {
  const before = place;
  place = currentPlace();
  showPlace();
  if (place.customer !== before.customer) {
    customerView.show(null);
    scrollTo({ top: 0 });
    if (by === "link") focusOn = place.customer ? "customer-title" : "hero-title";
  }
  if (place.month !== before.month) live.follow(place.month);
  else if (known) show();
}

/** Show the part of the page that the place is in. */
function showPlace() {
  byId("overview").hidden = Boolean(place.customer);
  byId("customer").hidden = !place.customer;
  showTitle();
}

function showTitle() {
  const parts = [place.customer, place.month && monthName(place.month), "Queryable Billing"];
  document.title = parts.filter(Boolean).join(" · ");
}

function settleFocus() {
  if (!focusOn) return;
  byId(focusOn)?.focus({ preventScroll: true });
  focusOn = null;
}

function showState() {
  showBanners(newest, connection, known);
  const waiting = connection === "live" && newest && !newest.ready;
  setAttribute(byId("pulse"), "data-state", waiting ? "waiting" : connection);
  setText(byId("pulse-state"), waiting ? "Catching up" : PULSES[connection]);
  setText(byId("pulse-as-of"), known?.as_of ? `as of ${clock(known.as_of, known.time_zone)} ${known.time_zone}` : "");
  setAttribute(byId("pulse-as-of"), "title", known?.as_of && `The newest event time counted: ${known.as_of}`);
  setAttribute(byId("main"), "data-stale", (connection === "lost" || waiting) && known ? "true" : null);
  setAttribute(byId("main"), "aria-busy", String(!known));
}

function showLinks(doc) {
  for (const name of ["grafana", "prometheus"]) {
    const link = byId(`link-${name}`);
    link.hidden = !/^https?:\/\//.test(doc.links[name] ?? "");
    if (!link.hidden && link.getAttribute("href") !== doc.links[name]) link.href = doc.links[name];
  }
  setText(byId("foot-note"), `Times in ${doc.time_zone}. Amounts in ${doc.currency}, exact to the micro; hover over one to see it.`);
}

function announce(text) {
  setText(byId("announcer"), text);
}
