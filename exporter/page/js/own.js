// What customers see: themselves. Nothing is asked for, and nothing is shown, that is about anybody else.

import { customerStream } from "./api.js";
import { CustomerView } from "./customer.js";
import { byId, element } from "./dom.js";
import { showMonths } from "./months.js";
import { currentPlace, go, replace } from "./place.js";

export class OwnCustomers {
  #customers;
  #view = new CustomerView();

  /** `customers` names those that may be shown; the first one is, unless the URL names another of them. */
  constructor(customers) {
    this.#customers = customers;
    for (const part of ["search", "overview", "link-metrics"]) byId(part)?.remove();
    const choice = byId("own");
    choice.parentElement.hidden = customers.length < 2;
    choice.replaceChildren(...customers.map((name) => element("option", { value: name }, name)));
    choice.addEventListener("change", () => go({ ...currentPlace(), customer: choice.value }));
  }

  /** Return the place that is shown for one that the URL names; a link to somebody else leads to oneself. */
  placeOf({ month, customer }) {
    if (customer && !this.#customers.includes(customer)) replace({ month, customer: null });
    return { month, customer: this.#customers.includes(customer) ? customer : this.#customers[0] };
  }

  /** Return the path of the stream to follow at a place. */
  streamOf({ customer, month }) {
    return customerStream(customer, month);
  }

  /** Show the part of the page that a place is in. */
  open({ customer }) {
    byId("customer").hidden = false;
    byId("own").value = customer;
    this.#view.open(customer);
  }

  /** Forget the customer that was shown. */
  leave() {
    this.#view.leave();
  }

  /** Show a document with numbers. */
  show(doc) {
    const newest = doc.shown_months.at(-1)?.month;
    showMonths({ month: doc.month, months: doc.shown_months });
    this.#view.fill(doc, { newest });
  }

  /** Show a document that says why there are no numbers yet: a banner does. */
  showWaiting() {}
}
