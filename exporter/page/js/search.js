// Find a customer: a box that suggests names while one types.

import { customersNamed } from "./api.js";
import { byId, element } from "./dom.js";
import { readable } from "./money.js";
import { currentPlace, go } from "./place.js";

const PAUSE_MS = 120;
const SUGGESTIONS = 8;

/** The search box. `monthOf` returns the month to search in, null for the newest. */
export class Search {
  #box = byId("search-box");
  #list = byId("search-list");
  #found = [];
  #chosen = -1;
  #timer = null;
  #request = null;
  #monthOf;
  #announce;

  constructor(monthOf, announce) {
    this.#monthOf = monthOf;
    this.#announce = announce;
    this.#box.addEventListener("input", () => this.#ask());
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    this.#box.addEventListener("blur", () => this.#hide());
    byId("search").addEventListener("submit", (event) => this.#submit(event));
    // The box keeps the focus while a name is clicked.
    this.#list.addEventListener("mousedown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => this.#open([...this.#list.children].indexOf(event.target.closest("li"))));
    document.addEventListener("keydown", (event) => this.#shortcut(event));
  }

  #shortcut(event) {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#box.focus();
    this.#box.select();
  }

  #ask() {
    clearTimeout(this.#timer);
    this.#request?.abort();
    if (!this.#box.value) this.#hide();
    else this.#timer = setTimeout(() => this.#suggest(this.#box.value), PAUSE_MS);
  }

  async #suggest(prefix) {
    const request = this.#request = new AbortController();
    try {
      const found = await customersNamed(prefix, this.#monthOf(), SUGGESTIONS, request.signal);
      if (!request.signal.aborted) this.#show(found);
    } catch (error) {
      if (!request.signal.aborted) this.#say(`Cannot search: ${error.message}`);
    }
  }

  #show(found) {
    this.#found = found;
    if (!found.length) return this.#say("Nobody’s name begins so in this month. Enter looks in all months.");
    this.#list.replaceChildren(...found.map(({ customer, total, currency }, index) =>
      element("li", { id: `found-${index}`, role: "option", "aria-selected": "false" },
        element("span", { class: "found-name", dir: "auto" }, customer),
        element("span", { class: "found-total" }, readable(total, currency)))));
    this.#reveal();
    this.#announce(`${found.length} customer${found.length === 1 ? "" : "s"} found`);
  }

  #say(text) {
    this.#found = [];
    this.#list.replaceChildren(element("li", { class: "found-none", role: "option", "aria-disabled": "true", "aria-selected": "false" }, text));
    this.#reveal();
  }

  #reveal() {
    this.#chosen = -1;
    this.#list.hidden = document.activeElement !== this.#box;
    this.#box.setAttribute("aria-expanded", String(!this.#list.hidden));
    this.#box.removeAttribute("aria-activedescendant");
  }

  #hide() {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#found = [];
    this.#chosen = -1;
    this.#list.hidden = true;
    this.#box.setAttribute("aria-expanded", "false");
    this.#box.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    if (event.key === "Escape" && !this.#list.hidden) {
      event.preventDefault();
      this.#hide();
    } else if (["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      if (this.#found.length) this.#choose(event.key === "ArrowDown" ? 1 : -1);
      else this.#ask();
    }
  }

  #choose(by) {
    const size = this.#found.length;
    this.#chosen = this.#chosen < 0 && by < 0 ? size - 1 : (this.#chosen + by + size) % size;
    [...this.#list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === this.#chosen)));
    this.#list.children[this.#chosen].scrollIntoView({ block: "nearest" });
    this.#box.setAttribute("aria-activedescendant", `found-${this.#chosen}`);
  }

  #submit(event) {
    event.preventDefault();
    if (this.#chosen >= 0) this.#open(this.#chosen);
    else if (this.#box.value) this.#visit(this.#exact());
  }

  /** What Enter means without a choice: the one name there is, or the name as it stands. */
  #exact() {
    const typed = this.#box.value;
    return this.#found.length === 1 ? this.#found[0].customer : typed;
  }

  #open(index) {
    if (this.#found[index]) this.#visit(this.#found[index].customer);
  }

  #visit(customer) {
    this.#box.value = "";
    this.#hide();
    go({ ...currentPlace(), customer });
  }
}
