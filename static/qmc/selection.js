// The chosen rows of a list: their number, all rows of a page at once, and a range with the Shift key. Choosing and sending work without it.
(() => {
  "use strict";
  let last = null;
  const boxes = () => [...document.querySelectorAll("input[name=ids][form=selection]")];

  const show = () => {
    const form = document.getElementById("selection");
    if (!form) { return; }
    const all = form.querySelector("[data-select-all]");
    const number = boxes().filter((box) => box.checked).length;
    const text = all?.checked ? "All rows selected" : `${number} selected`;
    const place = form.querySelector("[data-selected]");
    if (place.textContent !== text) { place.textContent = text; }
    const page = document.querySelector("[data-select-page]");
    page.hidden = false;
    page.checked = number > 0 && number === boxes().length;
    page.indeterminate = number > 0 && !page.checked;
  };

  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || box.name !== "ids") { return; }
    const found = boxes();
    const from = found.findIndex((other) => other.id === last);
    if (event.shiftKey && from >= 0) {
      const to = found.indexOf(box);
      for (const other of found.slice(Math.min(from, to), Math.max(from, to) + 1)) { other.checked = box.checked; }
    }
    last = box.id;
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-select-page]")) {
      for (const box of boxes()) { box.checked = event.target.checked; }
    }
    show();
  });
  for (const name of ["htmx:afterSettle", "live:merged"]) { document.addEventListener(name, show); }
  addEventListener("pageshow", show);
})();
