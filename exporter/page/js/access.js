// Who looks at the page: what they have shown is kept for this tab alone, and goes out with every request.

const KEPT = "access";
// So that a 401 does not make the browser ask for a password by itself: the page asks.
const FROM_PAGE = { "X-Requested-With": "billing-page" };

let held = read();
let known = null; // What the server said of whoever holds it, as text.

// The browser may show a page again that was left before what it held was forgotten.
addEventListener("pageshow", (event) => event.persisted && read() !== held && location.reload());

/** Whether this tab holds a key, a token or a password. */
export function isHeld() {
  return Boolean(held);
}

/** Hold a key or a token. */
export function holdKey(key) {
  hold(`Bearer ${key}`);
}

/** Hold a user and a password. */
export function holdPassword(user, password) {
  hold(`Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`)))}`);
}

/** Hold nothing any more. */
export function forget() {
  held = null;
  try {
    sessionStorage.removeItem(KEPT);
  } catch {
    // Storage may be switched off; then nothing was kept there.
  }
}

/** Answer with the response to a GET. Access that is refused where it was given before makes the page begin anew. */
export async function request(path, { accept = "application/json", signal } = {}) {
  const response = await send(path, accept, signal);
  if ((response.status === 401 || response.status === 403) && await hasChanged()) location.reload();
  return response;
}

/** Answer with the response that tells who this is. */
export async function whoAmI() {
  const response = await send("whoami", "application/json");
  if (response.ok) known = await response.clone().text();
  return response;
}

async function hasChanged() {
  const response = await send("whoami", "application/json");
  return response.status === 401 || (response.ok && await response.text() !== known);
}

function send(path, accept, signal) {
  return fetch(path, { signal, headers: { Accept: accept, ...FROM_PAGE, ...(held && { Authorization: held }) } });
}

function hold(authorization) {
  held = authorization;
  try {
    sessionStorage.setItem(KEPT, authorization);
  } catch {
    // As above: it is held until the page is left.
  }
}

function read() {
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}
