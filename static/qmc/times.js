// Times as the reader needs them: moments in the time zone and form that the reader chose, or in those of the browser (UTC is shown on hover), and relative
// times that go on counting.
(() => {
  "use strict";
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const shownSince = new WeakMap();
  const { timeZone, dateForm } = document.documentElement.dataset;
  const clock = (zone) => new Intl.DateTimeFormat("en-US-u-ca-gregory", {
    timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  // A browser that does not know the chosen time zone uses its own.
  const reader = (() => { try { return clock(timeZone || undefined); } catch { return clock(); } })();
  // Each form: how a day is written, how a time of the day is written, and what is between them.
  const hour24 = (p) => `${p.hour}:${p.minute}`;
  const hour12 = (p) => `${p.hour % 12 || 12}:${p.minute} ${p.hour < 12 ? "AM" : "PM"}`;
  const FORMS = {
    words: [(p) => `${Number(p.day)} ${MONTHS[p.month - 1]} ${p.year}`, hour24, ", "],
    iso: [(p) => `${p.year}-${p.month}-${p.day}`, hour24, " "],
    dots: [(p) => `${p.day}.${p.month}.${p.year}`, hour24, ", "],
    month_first: [(p) => `${MONTHS[p.month - 1]} ${Number(p.day)}, ${p.year}`, hour12, ", "],
  };
  const [dayOf, timeOf, between] = FORMS[dateForm] || FORMS.words;
  const parts = (at) => Object.fromEntries(reader.formatToParts(at).map(({ type, value }) => [type, value]));
  const day = (at) => dayOf(parts(at));
  const moment = (at) => dayOf(parts(at)) + between + timeOf(parts(at));

  // The same words as pki/core/clocks.py: tests/browser/test_times.py compares them.
  const units = (...counts) => counts.filter(([count]) => count)
    .map(([count, unit]) => `${count} ${unit}${count > 1 && !["h", "min"].includes(unit) ? "s" : ""}`).join(" ");
  const length = (span) => {
    const seconds = Math.round(Math.abs(span)), days = Math.floor(seconds / 86400);
    const hours = Math.floor(seconds % 86400 / 3600), minutes = Math.floor(seconds % 3600 / 60);
    if (days >= 120) {
      const months = Math.floor(days * 12 / 365);
      return units([Math.floor(months / 12), "year"], [months % 12, "month"]);
    }
    if (days) { return units([days, "day"], [days === 1 ? hours : 0, "h"]); }
    if (hours) { return units([hours, "h"], [minutes, "min"]); }
    return minutes ? `${minutes} min` : `${seconds} s`;
  };
  const words = {
    left: (seconds) => seconds < 0 ? "expired" : length(seconds),
    relative: (seconds) => Math.abs(seconds) < 2 ? "just now" : seconds <= 0 ? `${length(seconds)} ago` : `in ${length(seconds)}`,
  };

  const isSelected = (time) => !getSelection().isCollapsed && getSelection().containsNode(time, true);
  const show = (part) => {
    for (const time of part.querySelectorAll("time[data-form]")) {
      const { form, seconds } = time.dataset, at = new Date(time.dateTime);
      // Counted from what the server said, and when: the browser's clock can be wrong.
      if (shownSince.get(time)?.seconds !== seconds) { shownSince.set(time, { seconds, since: performance.now() }); }
      const text = form === "moment" ? moment(at) : form === "day" ? day(at)
        : words[form](Number(seconds) - (performance.now() - shownSince.get(time).since) / 1000);
      if (time.textContent !== text && !isSelected(time)) { time.textContent = text; }
    }
  };
  // A form that takes times of the day takes them in the time zone of the browser, unless one was chosen.
  const zone = () => {
    for (const input of document.querySelectorAll("input[data-time-zone]")) {
      if (!input.value) { input.value = timeZone || Intl.DateTimeFormat().resolvedOptions().timeZone; }
    }
  };
  const showAll = () => show(document);
  showAll();
  zone();
  document.addEventListener("htmx:afterSettle", showAll);
  // What live.js receives is written for the reader before it is merged: then only what differs changes.
  document.addEventListener("live:received", (event) => show(event.detail));
  document.addEventListener("live:merged", showAll);
  setInterval(showAll, 5000);
})();
