// What those see who may see every customer: the month as a whole, and any customer they look for.

import { overviewStream } from "./api.js";
import { RevenueChart } from "./chart.js";
import { CustomerView } from "./customer.js";
import { byId } from "./dom.js";
import { showHero } from "./hero.js";
import { Invoices, showChecks, showHealth, showRejected, showTop } from "./lists.js";
import { showMonths } from "./months.js";
import { Search } from "./search.js";
import { showTiles } from "./tiles.js";

export class AllCustomers {
  #chart = new RevenueChart();
  #customer = new CustomerView();
  #invoices = new Invoices();
  #months = [];
  #place = null;

  /** `announce` tells a sentence to screen readers. */
  constructor(announce) {
    const monthOf = () => (this.#months.some(({ month }) => month === this.#place?.month) ? this.#place.month : null);
    new Search(monthOf, announce);
  }

  /** Return the place that is shown for one that the URL names. */
  placeOf(place) {
    return place;
  }

  /** Return the path of the stream to follow at a place. */
  streamOf({ month }) {
    return overviewStream(month);
  }

  /** Show the part of the page that a place is in. */
  open(place) {
    this.#place = place;
    byId("overview").hidden = Boolean(place.customer);
    byId("customer").hidden = !place.customer;
  }

  /** Forget the customer that was shown. */
  leave() {
    this.#customer.leave();
  }

  /** Show a document with numbers. */
  show(doc, place) {
    this.#months = doc.months;
    showMonths(doc);
    if (place.customer) return this.#customer.follow(place.customer, doc, place);
    showHero(doc);
    showTiles(doc);
    this.#chart.show(doc);
    showTop(doc, place);
    this.#invoices.show(doc, place);
    showRejected(doc);
    showHealth(doc);
  }

  /** Show a document that says why there are no numbers yet. */
  showWaiting(doc) {
    showChecks(doc.health);
  }
}
