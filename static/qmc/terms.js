// Words that explain themselves: the meaning is shown beside the word on hover and focus. A click shows it without this script too.
(() => {
  "use strict";
  const GAP = 6, WAIT_MS = 250;
  let timer = 0, escaping = false;
  const termAt = (event) => event.target.closest?.(".term");
  const meaningOf = (term) => document.getElementById(term.getAttribute("popovertarget"));
  const open = () => [...document.querySelectorAll(".term-meaning:popover-open")];
  const show = (term) => { if (term.isConnected && !meaningOf(term).matches(":popover-open")) { meaningOf(term).showPopover(); } };
  const hide = () => open().forEach((meaning) => meaning.hidePopover());
  const later = (action) => { clearTimeout(timer); timer = setTimeout(action, WAIT_MS); };

  // Below the word, or above it where there is no room below, and always inside the window.
  const place = (meaning) => {
    const term = document.querySelector(`[popovertarget="${CSS.escape(meaning.id)}"]`);
    if (!term) { return; }
    const word = term.getBoundingClientRect(), box = meaning.getBoundingClientRect();
    const fits = word.bottom + GAP + box.height <= innerHeight || word.top < box.height + GAP;
    meaning.style.top = `${fits ? word.bottom + GAP : word.top - GAP - box.height}px`;
    meaning.style.left = `${Math.max(GAP, Math.min(word.left, document.documentElement.clientWidth - box.width - GAP))}px`;
  };

  document.addEventListener("toggle", (event) => {
    if (event.newState === "open" && event.target.matches(".term-meaning")) { place(event.target); }
  }, true);
  document.addEventListener("scroll", () => open().forEach(place), { passive: true, capture: true });
  document.addEventListener("focusin", (event) => {
    const term = termAt(event);
    open().filter((meaning) => !meaning.contains(event.target) && !(term && meaningOf(term) === meaning)).forEach((meaning) => meaning.hidePopover());
    if (term?.matches(":focus-visible") && !escaping) { show(term); }
  });
  // A meaning that closes gives the focus back to its word, which must not show it again.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") { return; }
    escaping = true;
    hide();
    escaping = false;
  });
  document.addEventListener("mouseover", (event) => {
    const term = termAt(event);
    if (term) { later(() => show(term)); }
    else if (event.target.closest(".term-meaning") || document.activeElement?.matches(".term:focus-visible")) { clearTimeout(timer); }
    else { later(hide); }
  });
})();
