// A document as it changes. A stream that breaks or falls silent is opened again; who listens is told of it.

import { request } from "./access.js";
import { events } from "./stream.js";

// The server speaks at least each five seconds.
const SILENCE_MS = 15_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

/** Follows one path at a time: `onDocument` gets each document, `onState` "connecting", "live" or "lost". */
export class Live {
  #onDocument;
  #onState;
  #path = null;
  #request = null;
  #timer = null;
  #pause = FIRST_PAUSE_MS;

  constructor(onDocument, onState) {
    this.#onDocument = onDocument;
    this.#onState = onState;
    // A browser opens few connections to one server: pages that nobody sees leave theirs to others.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open()));
    addEventListener("online", () => this.#request || this.#open());
    addEventListener("pagehide", () => this.#close());
    addEventListener("pageshow", (event) => event.persisted && this.#open());
  }

  /** Follow a path. */
  follow(path) {
    this.#path = path;
    this.#pause = FIRST_PAUSE_MS;
    if (!document.hidden) this.#open();
  }

  async #open() {
    this.#close();
    const { signal } = this.#request = new AbortController();
    this.#expect();
    try {
      const response = await request(this.#path, { accept: "text/event-stream", signal });
      if (response.ok) await this.#read(response.body, signal);
    } catch {
      // A connection that breaks and one that ends are the same to whoever listens.
    }
    if (!signal.aborted) this.#lose();
  }

  async #read(body, signal) {
    for await (const { data } of events(body)) {
      if (signal.aborted) return;
      this.#pause = FIRST_PAUSE_MS;
      this.#expect();
      this.#tell(data);
    }
  }

  #tell(data) {
    try {
      this.#onState("live");
      this.#onDocument(JSON.parse(data));
    } catch (error) {
      reportError(error); // A bug of the page is no lost connection.
    }
  }

  #close() {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = null;
  }

  #expect() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lose(), SILENCE_MS);
  }

  #lose() {
    this.#close();
    this.#onState("lost");
    this.#timer = setTimeout(() => this.#open(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE_MS);
  }
}
