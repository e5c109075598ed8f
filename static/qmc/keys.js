// The keyboard: the search over every page, and shortcuts of single keys, which a person can switch off (WCAG 2.1.4).
(() => {
  "use strict";
  const PAUSE_MS = 1500, OFF = "single-keys-off";
  const dialog = document.getElementById("find"), text = document.getElementById("find-text");
  const isOff = () => { try { return localStorage.getItem(OFF) !== null; } catch { return false; } };
  const options = () => [...document.querySelectorAll("#finds [role=option]")];
  const chosen = () => options().find((option) => option.getAttribute("aria-selected") === "true");

  const choose = (option) => {
    chosen()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) { text.setAttribute("aria-activedescendant", option.id); } else { text.removeAttribute("aria-activedescendant"); }
  };
  const move = (by) => {
    const all = options(), at = all.indexOf(chosen());
    choose(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length]);
  };
  const open = () => {
    if (!dialog.open) { dialog.showModal(); }
    text.select();
  };

  if (dialog) {
    text.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        move(event.key === "ArrowDown" ? 1 : -1);
      } else if (event.key === "Enter" && chosen()) {
        event.preventDefault();
        location.assign(chosen().href);
      }
    });
    // The first result is chosen, so that Enter opens it.
    dialog.addEventListener("htmx:afterSettle", () => choose(options()[0]));
    dialog.addEventListener("click", (event) => { if (event.target === dialog || event.target.closest("[data-closes]")) { dialog.close(); } });
    document.addEventListener("click", (event) => {
      const link = event.target.closest("[data-opens=find]");
      if (link && !event.ctrlKey && !event.metaKey) { event.preventDefault(); open(); }
    });
  }

  let before = "", at = 0;
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k" && dialog) {
      event.preventDefault();
      return open();
    }
    const isTyping = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping || event.repeat || isOff() || event.key.length !== 1) { return; }
    const keys = before && performance.now() - at < PAUSE_MS ? `${before} ${event.key}` : event.key;
    [before, at] = [event.key === "g" && keys === "g" ? "g" : "", performance.now()];
    if (keys === "/" && dialog) { event.preventDefault(); open(); }
    else if (keys === "?") { document.querySelector("[data-opens=shortcuts]")?.click(); }
    else { document.querySelector(`[data-keys="${CSS.escape(keys)}"]`)?.click(); }
  });

  const box = document.getElementById("single-keys");
  if (box) {
    box.checked = !isOff();
    box.addEventListener("change", () => { try { if (box.checked) { localStorage.removeItem(OFF); } else { localStorage.setItem(OFF, ""); } } catch { /* private mode */ } });
  }
})();
