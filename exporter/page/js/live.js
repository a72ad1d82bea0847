// The overview as it changes. A stream that breaks or falls silent is opened again; who listens is told of it.

// The server speaks at least each five seconds.
const SILENCE_MS = 15_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

/** Follows the overview of a month: `onOverview` gets each document, `onState` "connecting", "live" or "lost". */
export class Live {
  #onOverview;
  #onState;
  #month = null;
  #source = null;
  #timer = null;
  #pause = FIRST_PAUSE_MS;

  constructor(onOverview, onState) {
    this.#onOverview = onOverview;
    this.#onState = onState;
    // A browser opens few connections to one server: pages that nobody sees leave theirs to others.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open()));
    addEventListener("online", () => this.#source || this.#open());
    addEventListener("pagehide", () => this.#close());
    addEventListener("pageshow", (event) => event.persisted && this.#open());
  }

  /** Follow a month; null follows the newest. */
  follow(month) {
    this.#month = month;
    this.#pause = FIRST_PAUSE_MS;
    if (!document.hidden) this.#open();
  }

  #open() {
    this.#close();
    const query = this.#month ? `?month=${encodeURIComponent(this.#month)}` : "";
    const source = new EventSource(`api/v1/live${query}`);
    this.#source = source;
    this.#expect();
    source.addEventListener("overview", (event) => {
      this.#pause = FIRST_PAUSE_MS;
      this.#expect();
      this.#onState("live");
      this.#onOverview(JSON.parse(event.data));
    });
    source.addEventListener("error", () => this.#lose());
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
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
