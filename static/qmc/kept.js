// What was typed survives a sign-in, or a page that says why the form was not taken. It is kept in this tab alone, without secrets, until the next page.
(() => {
  "use strict";
  const NAME = "typed", SECRET = /pass|pwd|key|secret|token|^code$/i, UNKEPT = ["password", "file", "hidden", "submit", "button", "reset"];
  const here = location.pathname + location.search;
  const fields = (form) => [...form.elements].filter((field) => field.name && !UNKEPT.includes(field.type) && !SECRET.test(field.name));
  const read = () => { try { return JSON.parse(sessionStorage.getItem(NAME)); } catch { return null; } };
  const write = (kept) => { try { sessionStorage.setItem(NAME, JSON.stringify(kept)); } catch { /* no room: then nothing is kept */ } };

  const keep = (form) => {
    const values = fields(form).map((field) => ({ name: field.name, value: field.value, checked: field.checked === true }));
    write({ path: here, form: [...document.forms].indexOf(form), values });
  };

  const put = (kept) => {
    const form = document.forms[kept.form];
    if (!form) { return; }
    const left = [...kept.values];
    for (const field of fields(form)) {
      const at = left.findIndex((value) => value.name === field.name && (!["checkbox", "radio"].includes(field.type) || value.value === field.value));
      if (at < 0) { continue; }
      const [found] = left.splice(at, 1);
      if (["checkbox", "radio"].includes(field.type)) { field.checked = found.checked; } else { field.value = found.value; }
    }
    const note = document.createElement("div");
    note.className = "note note-blue";
    note.setAttribute("role", "status");
    note.textContent = "What you typed was kept. Passwords, keys and files were not. Check the form, then send it again.";
    form.before(note);
    form.querySelector("input:not([type=hidden]), textarea, select")?.focus();
  };

  const kept = read();
  if (document.body.dataset.interrupts !== undefined) {
    if (kept) { write({ ...kept, interrupted: true }); }
    return;
  }
  sessionStorage.removeItem(NAME);
  if (kept?.interrupted && kept.path === here) { put(kept); }
  document.addEventListener("submit", (event) => { if (event.target.method === "post") { keep(event.target); } });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt.closest?.("form");
    if (form && event.detail.requestConfig.verb === "post") { keep(form); }
  });
})();
