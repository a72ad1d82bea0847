// Runs before the first paint, so that a chosen theme never flashes. A choice that equals the system's is forgotten.
"use strict";
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const system = () => (dark.matches ? "dark" : "light");
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // Storage may be switched off; then a choice holds until the page is left.
    }
  };
  const store = (theme) => {
    try {
      if (theme === system()) localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {
      // As above.
    }
  };
  const show = (theme) => {
    root.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) {
      const label = theme === "dark" ? "Use the light theme" : "Use the dark theme";
      button.setAttribute("aria-label", label);
      button.title = label;
    }
    root.dispatchEvent(new CustomEvent("themechange"));
  };

  show(["dark", "light"].includes(stored()) ? stored() : system());
  dark.addEventListener("change", () => stored() ?? show(system()));
  addEventListener("storage", (event) => event.key === "theme" && show(stored() ?? system()));
  addEventListener("DOMContentLoaded", () => {
    show(root.dataset.theme);
    document.getElementById("theme").addEventListener("click", () => {
      const theme = root.dataset.theme === "dark" ? "light" : "dark";
      store(theme);
      show(theme);
    });
  });
})();
