// Keeps the page current. An element with an id and data-live="SECONDS" changes by itself: the address of the page is asked for again, and what differs in
// the element is merged. Focus, selection, scroll position, typed text and open parts stay. docs/develop/console.md has the rules.
(() => {
  "use strict";
  const IDLE_MS = 120_000, SLOWER = 4, LONGEST_WAIT_S = 30, PATIENCE_MS = 20_000, AWAY = [500, 502, 503, 504];
  const line = document.getElementById("live-line");
  // What a refused form says is in no other answer, so only the menu changes beside it. An answer with another address is the page at that address.
  const PARTS = "posted" in document.body.dataset && !document.body.dataset.address ? "nav[data-live]" : "[data-live]";
  const isLive = () => [...document.querySelectorAll(PARTS)].some((part) => part.matches("main, main *"));
  const here = () => location.href.split("#")[0];
  let timer, isAsking = false, isStopped = false, failures = 0, askedAt = performance.now(), updatedAt = performance.now(), actedAt = performance.now();

  // The line beside the search. Its state is announced, the seconds are not.
  const say = (state) => { if (line) { line.querySelector("[aria-live]").textContent = state; line.classList.toggle("lost", failures > 0); } };
  const count = () => {
    if (!line || isStopped) { return; }
    const seconds = Math.floor((performance.now() - updatedAt) / 1000);
    const ago = seconds < 2 ? "just now" : seconds < 60 ? `${seconds} s ago` : `${Math.floor(seconds / 60)} min ago`;
    line.querySelector("[data-since]").textContent = `Updated ${ago}`;
  };
  const stop = (why) => {
    isStopped = true;
    if (line) { line.querySelector("[data-since]").textContent = ""; line.classList.add("stopped"); }
    say(why);
  };

  // What a person has typed or chosen, and not sent.
  const isTyped = (control) => {
    if (control.matches("select")) { return [...control.options].some((option) => option.selected !== option.defaultSelected) && control.dataset.chosen !== undefined; }
    if (["checkbox", "radio"].includes(control.type)) { return control.checked !== control.defaultChecked; }
    return control.type !== "hidden" && control.value !== control.defaultValue;
  };
  const isInUse = (form) => form && (form.dataset.sentAt !== undefined || [...form.elements].some((field) => field.matches("input, select, textarea") && (isTyped(field) || field === document.activeElement)));
  const isSelected = (node) => !getSelection().isCollapsed && getSelection().containsNode(node, true);
  const isKept = (old, fresh) => {
    if (old.nodeType === Node.TEXT_NODE) { return old.nodeValue !== fresh.nodeValue && isSelected(old); }
    if (old.nodeType !== Node.ELEMENT_NODE) { return false; }
    // The browser or htmx fills these.
    if (old.matches("datalist, [data-filled], [hx-trigger~=load]")) { return true; }
    if (!old.matches("input, select, textarea")) { return false; }
    // A hidden field belongs to what is typed beside it: the version that a person reads, and the number that makes a repeated form known.
    return old.type === "hidden" ? isInUse(old.form) : isTyped(old) || old === document.activeElement;
  };
  // A secret that is shown once is in no later answer. It stays while the answer has the element that data-lasts-with names.
  let isShownOnce = () => false;
  const OPTIONS = {
    morphStyle: "outerHTML",
    callbacks: {
      beforeNodeMorphed: (old, fresh) => !isKept(old, fresh),
      beforeNodeRemoved: (old) => !isShownOnce(old),
      beforeAttributeUpdated: (name, element) => !(name === "open" && element.matches("details, dialog")) && !["aria-expanded", "data-sent-at", "style"].includes(name),
    },
  };

  const merge = (answer) => {
    isShownOnce = (node) => node.nodeType === Node.ELEMENT_NODE && node.dataset.lastsWith !== undefined && answer.getElementById(node.dataset.lastsWith) !== null;
    const held = document.activeElement, { scrollX, scrollY } = window;
    document.dispatchEvent(new CustomEvent("live:received", { detail: answer }));
    for (const element of document.querySelectorAll(PARTS)) {
      const fresh = answer.getElementById(element.id);
      if (fresh) {
        Idiomorph.morph(element, fresh, OPTIONS);
        htmx.process(document.getElementById(element.id));
      }
    }
    if (isLive()) { document.title = answer.title; }
    if (held !== document.body && document.activeElement !== held) {
      // The row that had the focus was moved, or it is gone.
      (held.isConnected ? held : document.getElementById(held.id) || document.getElementById("main")).focus({ preventScroll: true });
      scrollTo(scrollX, scrollY);
    }
    document.dispatchEvent(new CustomEvent("live:merged"));
  };

  // A part that is loaded after the page: htmx puts it there, and when it is loaded again, it is merged.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const part = detail.target;
    if (!part.matches(".part") || !detail.shouldSwap) { return; }
    if (part.dataset.filled === undefined) {
      part.dataset.filled = "";
      return;
    }
    detail.shouldSwap = false;
    const answer = new DOMParser().parseFromString(detail.serverResponse, "text/html");
    document.dispatchEvent(new CustomEvent("live:received", { detail: answer }));
    Idiomorph.morph(part, answer.body.childNodes, { ...OPTIONS, morphStyle: "innerHTML" });
    document.dispatchEvent(new CustomEvent("live:merged"));
  });

  const received = (status, text, address) => {
    if (AWAY.includes(status)) { return lost(); }
    if (status === 0) {  // a redirect: the session has ended, or the page has moved on
      if (isLive() && ![...document.forms].some((form) => form.method === "post" && isInUse(form))) { return location.replace(here()); }
      return stop("Not updated any more. Reload the page.");
    }
    if (status === 404) { return stop("This no longer exists."); }
    if (status !== 200) { return stop(""); }
    say(failures ? "Connected again" : "");
    [failures, updatedAt] = [0, performance.now()];
    line?.classList.remove("lost");
    // Meanwhile a filter may have changed the page, or a part of it is being replaced, or a button is held down.
    if (address === here() && !document.querySelector(".htmx-request, :active:not(html, body)")) { merge(new DOMParser().parseFromString(text, "text/html")); }
    count();
  };
  const lost = () => { failures += 1; say("Connection lost, trying again"); };

  const ask = async () => {
    if (isAsking || isStopped) { return; }
    [isAsking, askedAt] = [true, performance.now()];
    const address = here(), patience = new AbortController(), over = setTimeout(() => patience.abort(), PATIENCE_MS);
    try {
      const answer = await fetch(address, { headers: { "Live-Update": "true", Accept: "text/html" }, cache: "no-store", redirect: "manual", signal: patience.signal });
      received(answer.status, await answer.text(), address);
    } catch (error) {
      if (!(error instanceof TypeError || error.name === "AbortError")) { throw error; }
      lost();
    } finally {
      clearTimeout(over);
      isAsking = false;
      plan();
    }
  };

  const seconds = () => Math.min(...[...document.querySelectorAll(PARTS)].map((element) => Number(element.dataset.live)).filter(Boolean));
  const plan = () => {
    clearTimeout(timer);
    const usual = seconds();
    if (isStopped || document.hidden || usual === Infinity) { return; }
    const isIdle = performance.now() - actedAt > IDLE_MS;
    const wait = failures ? Math.min(2 ** failures, LONGEST_WAIT_S) : usual * (isIdle ? SLOWER : 1);
    timer = setTimeout(ask, Math.max(0, askedAt + wait * 1000 - performance.now()));
  };

  // A page that says why the console cannot show it asks again, and shows it when it can.
  const retry = async (tries = 1) => {
    await new Promise((resolve) => { setTimeout(resolve, Math.min(2 ** tries, LONGEST_WAIT_S) * 1000); });
    try {
      const answer = document.hidden ? null : await fetch(here(), { headers: { "Live-Update": "true", Accept: "text/html" }, cache: "no-store", redirect: "manual" });
      if (answer && !AWAY.includes(answer.status)) { return location.replace(here()); }
    } catch { /* still away */ }
    return retry(tries + 1);
  };
  if ("retry" in document.body.dataset) { retry(); return; }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) { actedAt = performance.now(); } plan(); });
  for (const act of ["keydown", "pointerdown", "pointermove", "wheel"]) {
    document.addEventListener(act, () => {
      const wasIdle = performance.now() - actedAt > IDLE_MS;
      actedAt = performance.now();
      if (wasIdle) { plan(); }
    }, { passive: true });
  }
  // Browsers change what is selected without another trace, for example when they restore a page.
  document.addEventListener("change", (event) => { if (event.target.matches("select")) { event.target.dataset.chosen = ""; } });
  addEventListener("online", ask);
  addEventListener("offline", () => { failures ||= 1; say("Connection lost, trying again"); });
  addEventListener("pageshow", (event) => { if (event.persisted) { ask(); } });
  if (line && seconds() !== Infinity) {
    line.hidden = false;
    count();
    setInterval(count, 1000);
  }
  plan();
})();
