// The page: what the live stream tells is handed to the view of whoever looks, and a move to another place too.

import { forget, isHeld } from "./access.js";
import { AllCustomers } from "./all.js";
import { showBanners } from "./banners.js";
import { byId, setAttribute, setText } from "./dom.js";
import { enter, mayReadAll, mayReadMetrics } from "./entry.js";
import { startFiles } from "./files.js";
import { clock, monthName } from "./format.js";
import { Live } from "./live.js";
import { startMonths } from "./months.js";
import { OwnCustomers } from "./own.js";
import { currentPlace, onMove } from "./place.js";

const PULSES = { connecting: "Connecting", live: "Live", lost: "Connection lost" };

const who = await enter();
const view = mayReadAll(who) ? new AllCustomers(announce) : new OwnCustomers(who.customers);
const live = new Live(receive, connected);

let place = view.placeOf(currentPlace());
let followed = view.streamOf(place);
let connection = "connecting";
let newest = null; // The newest document, ready or not.
let known = null; // The newest one with numbers.
let focusOn = null; // Where the focus goes once what was asked for is there.

showWho();
startMonths();
startFiles();
onMove(move);
showPlace();
live.follow(followed);

function receive(doc) {
  newest = doc;
  if (doc.ready) {
    known = doc;
    show();
  } else {
    view.showWaiting(doc);
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
  view.show(known, place);
  showLinks(known);
  settleFocus();
}

function move(by) {
  const before = place;
  place = view.placeOf(currentPlace());
  if (place.customer !== before.customer) {
    view.leave();
    scrollTo({ top: 0 });
    if (by === "link") focusOn = place.customer ? "customer-title" : "hero-title";
  }
  showPlace();
  const path = view.streamOf(place);
  if (path !== followed) live.follow(followed = path);
  else if (known) show();
}

/** Show the part of the page that the place is in. */
function showPlace() {
  view.open(place);
  const parts = [place.customer, place.month && monthName(place.month), "Queryable Billing"];
  document.title = parts.filter(Boolean).join(" · ");
}

/** Show who looks, if they had to say so, and let them take it back. */
function showWho() {
  const metrics = byId("link-metrics");
  if (metrics) metrics.hidden = !mayReadMetrics(who);
  const button = byId("forget");
  button.hidden = !isHeld();
  button.title = `Shown to ${who.name}; forget it in this tab`;
  button.addEventListener("click", () => {
    forget();
    location.reload();
  });
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
    link.hidden = !/^https?:\/\//.test(doc.links?.[name] ?? "");
    if (!link.hidden && link.getAttribute("href") !== doc.links[name]) link.href = doc.links[name];
  }
  setText(byId("foot-note"), `Times in ${doc.time_zone}. Amounts in ${doc.currency}, exact to the micro; hover over one to see it.`);
}

function announce(text) {
  setText(byId("announcer"), text);
}
