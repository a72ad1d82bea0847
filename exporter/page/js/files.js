// Links to files of the server. A link shows no key: where one is held, the file is fetched with it and saved.

import { isHeld, request } from "./access.js";
import { element } from "./dom.js";

/** Let links marked data-file, whose value is the file's name, work with what this tab holds. */
export function startFiles() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-file]");
    if (!link || !isHeld()) return;
    event.preventDefault();
    if (!link.hasAttribute("aria-busy")) save(link);
  });
}

async function save(link) {
  link.setAttribute("aria-busy", "true");
  link.nextElementSibling?.matches(".problem") && link.nextElementSibling.remove();
  try {
    const response = await request(link.href, { accept: "*/*" });
    if (!response.ok) throw new Error((await response.json().catch(() => ({}))).message ?? response.status);
    saveAs(await response.blob(), link.dataset.file);
  } catch (error) {
    link.after(element("span", { class: "problem", role: "alert" }, ` Cannot be fetched: ${error.message}`));
  } finally {
    link.removeAttribute("aria-busy");
  }
}

function saveAs(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
