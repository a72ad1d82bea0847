// The way in: finds out who looks at the page, and asks for a key or a password where one is needed.

import { forget, holdKey, holdPassword, isHeld, whoAmI } from "./access.js";
import { byId, setText } from "./dom.js";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

const UNKNOWN = {
  kept: "What this tab held is not accepted any more: it has expired or was revoked.",
  key: "This key is not known here, or it has expired.",
  password: "This user and password are not known here.",
};
const TOO_LITTLE = "This opens no numbers: the page needs one of the scopes read, admin or customer:NAME.";
const NOT_A_KEY = "A key is made of letters, digits and signs of ASCII, without spaces.";

/** Answer with who looks at the page, once they may see anything of it. */
export async function enter() {
  const form = new Form();
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const { who, challenge, problem } = await lookUp();
    if (who && (mayReadAll(who) || who.customers.length)) {
      form.close();
      return who;
    }
    if (problem && !form.isOpen) {
      await new Promise((resolve) => setTimeout(resolve, pause));
    } else {
      const why = problem ?? (who ? TOO_LITTLE : isHeld() ? UNKNOWN[form.kind ?? "kept"] : null);
      forget();
      await form.ask(challenge, why);
    }
  }
}

/** Say whether somebody may see every customer's numbers. */
export function mayReadAll(who) {
  return who.scopes.includes("admin") || who.scopes.includes("read");
}

/** Say whether somebody may see the metrics. */
export function mayReadMetrics(who) {
  return who.scopes.includes("admin") || who.scopes.includes("metrics");
}

async function lookUp() {
  try {
    const response = await whoAmI();
    if (response.ok) return { who: await response.json() };
    if (response.status === 401) return { challenge: response.headers.get("WWW-Authenticate") ?? "" };
    const body = await response.json().catch(() => ({}));
    return { problem: body.message ?? `The server answered ${response.status}.` };
  } catch {
    return { problem: "The server cannot be reached. Try again." };
  }
}

/** What asks. It is shown for what the server takes: keys and tokens, passwords, or both. */
class Form {
  #form = byId("entry-form");
  #submitted = null;
  isOpen = false;
  kind = null; // "key" or "password", once one was shown.

  constructor() {
    this.#form.addEventListener("submit", (event) => this.#submit(event));
    for (const button of byId("entry-kinds").children) button.addEventListener("click", () => this.#choose(button.value));
  }

  /** Answer once something is held that was not tried yet. */
  ask(challenge, problem) {
    if (!this.isOpen) this.#open(challenge ?? "");
    this.#busy(false);
    setText(byId("entry-problem"), problem ?? "");
    for (const box of this.#boxes()) box.setAttribute("aria-invalid", String(Boolean(problem)));
    const [first] = this.#boxes();
    first.focus();
    first.select();
    return new Promise((resolve) => (this.#submitted = resolve));
  }

  /** Leave nothing of what was typed. */
  close() {
    if (this.isOpen) byId("main").focus();
    this.isOpen = false;
    byId("entry").hidden = true;
    delete document.body.dataset.entry;
    this.#form.reset();
  }

  #open(challenge) {
    const schemes = challenge.replace(/"[^"]*"/g, "");
    const password = /\b(x-)?basic\b/i.test(schemes);
    const key = /\bbearer\b/i.test(schemes) || !password;
    this.isOpen = true;
    document.body.dataset.entry = "";
    byId("entry").hidden = false;
    byId("entry-kinds").hidden = !(key && password);
    this.#choose(key ? "key" : "password");
  }

  #choose(kind) {
    this.kind = kind;
    for (const button of byId("entry-kinds").children) button.setAttribute("aria-pressed", String(button.value === kind));
    byId("entry-key").hidden = kind !== "key";
    byId("entry-password").hidden = kind !== "password";
    setText(byId("entry-problem"), "");
  }

  #boxes() {
    return [...byId(this.kind === "key" ? "entry-key" : "entry-password").querySelectorAll("input")];
  }

  #submit(event) {
    event.preventDefault();
    const problem = this.#hold();
    setText(byId("entry-problem"), problem ?? "");
    if (problem) return;
    this.#busy(true);
    this.#submitted?.();
    this.#submitted = null;
  }

  /** Hold what was typed; return what is wrong with it. */
  #hold() {
    if (this.kind === "password") {
      const [user, password] = this.#boxes().map((box) => box.value);
      if (!user || !password) return "Enter the user and the password.";
      if (user.includes(":")) return "A user’s name has no colon.";
      holdPassword(user, password);
    } else {
      const key = this.#boxes()[0].value.trim();
      if (!key) return "Enter the key.";
      if (!/^[\x21-\x7e]+$/.test(key)) return NOT_A_KEY;
      holdKey(key);
    }
    return null;
  }

  #busy(is) {
    const button = byId("entry-submit");
    button.setAttribute("aria-disabled", String(is));
    setText(button, is ? "Asking…" : "Show the numbers");
  }
}
