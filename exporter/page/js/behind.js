// The records of the input that a customer's month is made of. They are read from Kafka, so only when somebody asks.

import { eventsPath, get } from "./api.js";
import { byId, element, setAttribute, setText, table } from "./dom.js";
import { counted, monthName, share, time } from "./format.js";
import { amount } from "./parts.js";

const FATES = {
  counted: "Counted",
  voided: "Counted, then voided",
  replaced: "Counted, then replaced",
  takes_back: "Takes one back",
  duplicate: "Duplicate",
  rejected: "Rejected",
};

/** The list of one customer's month: offered first, then read page by page. */
export class EventsBehind {
  #path = undefined; // null: there is none to offer
  #month = null;
  #rows = [];
  #page = null;
  #request = null;

  /** Offer a month's list; without a month, or where there is no input to read, there is none. */
  offer({ customer, month, currency, time_zone: zone, standalone }) {
    const path = month && !standalone ? eventsPath(customer, month) : null;
    if (path === this.#path) return;
    this.leave();
    this.#path = path;
    this.#month = { month, currency, zone };
    byId("customer-behind").parentElement.hidden = !path;
    setAttribute(byId("customer-events"), "href", path);
    if (path) this.#offerMore("Show the events");
  }

  /** Stop reading, and forget what was read. */
  leave() {
    this.#request?.abort();
    this.#path = undefined;
    this.#page = null;
    this.#rows = [];
    byId("customer-behind")?.replaceChildren();
  }

  #offerMore(title) {
    const root = byId("customer-behind");
    let more = root.querySelector("button");
    if (!more) {
      root.append(element("p", { class: "note", role: "status" }), more = element("button", { type: "button", class: "more" }));
      more.addEventListener("click", () => more.getAttribute("aria-disabled") === "true" || this.#read(more));
    }
    setText(more, title);
    setAttribute(more, "aria-disabled", null);
  }

  /** Read pages until one has rows, or none is left. */
  async #read(more) {
    const { signal } = this.#request = new AbortController();
    setAttribute(more, "aria-disabled", "true");
    try {
      do {
        this.#page = await get(this.#nextPath(), signal);
        this.#rows.push(...this.#page.events);
        this.#show();
      } while (this.#page.next && !this.#page.events.length);
      if (this.#page.next) this.#offerMore("More");
      else more.remove();
    } catch (error) {
      if (signal.aborted) return;
      this.#say(`Cannot be shown: ${error.message}`);
      this.#offerMore("Try again");
    }
  }

  #nextPath() {
    return this.#page ? `${this.#path}&${new URLSearchParams({ cursor: this.#page.next })}` : this.#path;
  }

  #show() {
    const { month, currency, zone } = this.#month;
    this.#say(verdict(this.#page, this.#rows.length));
    if (!this.#rows.length) return;
    const root = byId("customer-behind");
    let list = root.querySelector(".scroll");
    if (!list) root.prepend(list = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Events" }));
    table(list, `Records behind the total of ${monthName(month)}`, [
      { title: "Event time", of: (one) => time(one.time, zone, { year: undefined }) },
      { title: "Type", of: (one) => one.type ?? "–" },
      { title: "Id", class: "minor", of: (one) => one.id ?? "–" },
      { title: "What became of it", class: "minor", of: (one) => [FATES[one.fate], one.reason].filter(Boolean).join(": ") },
      { title: "Amount", number: true, of: (one) => (one.amount === null ? "–" : amount(one.amount, currency)) },
    ], this.#rows, (_, index) => index);
  }

  #say(text) {
    setText(byId("customer-behind").querySelector("[role=status]"), text);
  }
}

function verdict({ next, read, found, told, is_it: isIt }, listed) {
  const records = counted(listed, "record");
  if (next) return `${records} so far; ${share(read.of ? read.records / read.of : 1)} of the input is read.`;
  if (isIt) return `${records}: they add up to the total, exactly.`;
  return `${records}: they add up to ${found.total}, and the total was ${told.total}.`;
}
