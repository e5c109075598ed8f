// Before the first paint: the theme that the person chose, or the system's. A page without a signed-in person uses the last one of this browser.
(() => {
  "use strict";
  const ORDER = ["auto", "light", "dark"];
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const remember = (theme) => { try { localStorage.setItem("theme", theme); } catch { /* private mode */ } };
  const chosen = () => root.dataset.theme || remembered() || "auto";
  const apply = () => {
    const choice = chosen();
    const dark = choice === "dark" || (choice === "auto" && system.matches);
    root.setAttribute("data-bs-theme", dark ? "dark" : "light");
    if (root.dataset.theme) { remember(choice); }
    const button = document.querySelector("[data-theme-button]");
    if (!button) { return; }
    button.querySelector("[data-theme-word]").textContent = choice;
    button.value = ORDER[(ORDER.indexOf(choice) + 1) % ORDER.length];
  };
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", apply);
  // The button sends the theme to the console, so that the choice follows the person. The page shows it at once.
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.target.matches("[data-theme-button]")) { return; }
    root.dataset.theme = event.target.value;
    setTimeout(apply);
  });
  apply();
})();
