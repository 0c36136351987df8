// Conveniences only: every page is complete without it. Times in the reader's zone, keys, and what is new.
(() => {
  "use strict";
  const base = document.body.dataset.base;
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  for (const time of document.querySelectorAll("time[datetime]")) {
    const stated = time.getAttribute("datetime");
    if (stated.length > 10 && !Number.isNaN(Date.parse(stated))) {
      const local = format.format(new Date(stated));
      if (time.textContent === time.title.slice(0, time.textContent.length)) time.textContent = local;
      time.title = local;
    }
  }
  const zone = document.querySelector("[data-zone]");
  if (zone) zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone || zone.textContent;

  // Since the last visit: the mark is in this browser alone; a visit ends after half an hour without a page.
  const visit = document.querySelector("[data-visit]");
  try {
    const now = Date.now();
    const key = `newsdesk ${base}`;
    const kept = JSON.parse(localStorage.getItem(key) || "null") || { before: 0, at: 0 };
    if (now - kept.at > 30 * 60 * 1000) kept.before = kept.at;
    kept.at = now;
    localStorage.setItem(key, JSON.stringify(kept));
    if (visit && kept.before) {
      let fresh = 0;
      for (const story of document.querySelectorAll("[data-seen]")) {
        if (Date.parse(story.dataset.seen) > kept.before) {
          story.classList.add("fresh");
          fresh += 1;
        }
      }
      visit.textContent = fresh ? `${fresh} on this page since your last visit` : "nothing new since your last visit";
      visit.hidden = false;
    }
  } catch {
    // a browser without storage has no mark
  }

  const stories = [...document.querySelectorAll(".story")];
  const keys = {
    j: "next story", k: "previous story", o: "open the story", "/": "search", n: "next page or version",
    p: "previous version", g: "all stories", "?": "this list",
  };
  let current = -1;
  const move = (step) => {
    if (!stories.length) return;
    current = Math.min(Math.max(current + step, 0), stories.length - 1);
    const link = stories[current].querySelector("h2 a, h3 a");
    if (link) link.focus();
    stories[current].scrollIntoView({ block: "nearest" });
  };
  const follow = (selector) => {
    const link = document.querySelector(selector);
    if (link) link.click();
  };
  const help = () => {
    let dialog = document.querySelector("dialog.help");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.className = "help";
      dialog.setAttribute("aria-label", "Keys");
      const list = document.createElement("dl");
      for (const [key, meaning] of Object.entries(keys)) {
        const term = document.createElement("dt");
        const kbd = document.createElement("kbd");
        kbd.textContent = key;
        term.append(kbd);
        const text = document.createElement("dd");
        text.textContent = meaning;
        list.append(term, text);
      }
      const close = document.createElement("button");
      close.textContent = "Close";
      close.addEventListener("click", () => dialog.close());
      dialog.append(list, close);
      document.body.append(dialog);
    }
    dialog.showModal();
  };
  const actions = {
    j: () => move(1), k: () => move(-1),
    o: () => { if (current >= 0) stories[current].querySelector("h2 a, h3 a")?.click(); },
    "/": () => {
      const box = document.querySelector("input[type=search]");
      if (box) { box.focus(); box.select(); } else { location.href = base; }
    },
    n: () => follow("[rel=next]"), p: () => follow("[rel=prev]"),
    g: () => { location.href = base; }, "?": help,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest("input, select, textarea, dialog")) return;
    const action = actions[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });
  const hint = document.querySelector(".keys");
  if (hint) hint.hidden = false;
})();
