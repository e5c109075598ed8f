// The little that htmx does not do: the menu on a phone, copying, and the address of an answer that must not be sent twice.
(() => {
  "use strict";
  const address = document.body.dataset.address;
  if (address) { history.replaceState(null, "", address); }

  // What was refused is shown where the eyes are: the first field that is wrong takes the focus.
  const attend = (part) => {
    const wrong = part.querySelector("[aria-invalid=true], [role=alert][tabindex]");
    if (wrong) { wrong.focus(); }
  };
  attend(document);
  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.requestConfig?.verb === "post") { attend(document); } });

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    const word = button.querySelector("span");
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      word.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      word.textContent = "Selected: press Ctrl-C";
    }
    const announce = document.getElementById("announce");
    if (announce) { announce.textContent = word.textContent; }
  };

  // A text that repeats what some fields have, and a button that an answer presses for the person who asked for it.
  document.addEventListener("input", () => {
    for (const text of document.querySelectorAll("[data-follows]")) {
      const fields = text.dataset.follows.split(" ").map((id) => document.getElementById(id)).filter(Boolean);
      if (fields.length) { text.textContent = fields.map((field) => field.value.trim()).find(Boolean) || text.dataset.otherwise; }
    }
  });
  document.addEventListener("htmx:afterSettle", () => {
    const asked = document.querySelector("[data-press]");
    if (asked) { document.getElementById(asked.dataset.press).click(); asked.removeAttribute("data-press"); }
  });

  // A double click sends a form once; the server answers a repeat with the first result all the same.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") { return; }
    if (event.timeStamp - Number(form.dataset.sentAt || -2000) < 2000) { event.preventDefault(); }
    else { form.dataset.sentAt = String(event.timeStamp); }
  });

  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("[data-toggle]");
    if (toggle) {
      const open = document.getElementById(toggle.dataset.toggle).classList.toggle("open");
      toggle.setAttribute("aria-expanded", String(open));
    }
    const button = event.target.closest("[data-copy]");
    if (button) { copy(button); }
  });
})();
