// Before the first paint: the theme that was chosen, or the system's.
(() => {
  "use strict";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => { try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; } };
  const apply = () => {
    const choice = chosen();
    const dark = choice === "dark" || (choice === "auto" && system.matches);
    document.documentElement.setAttribute("data-bs-theme", dark ? "dark" : "light");
    const word = document.querySelector("[data-theme-word]");
    if (word) { word.textContent = choice; }
  };
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-button]")) { return; }
    const order = ["auto", "light", "dark"];
    try { localStorage.setItem("theme", order[(order.indexOf(chosen()) + 1) % 3]); } catch { /* private mode: the system's theme stays */ }
    apply();
  });
  apply();
})();
