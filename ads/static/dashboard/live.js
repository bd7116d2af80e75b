// A page updates its #live part: every 15 s, unless paused or out of sight. It is morphed by ids, so that place and
// focus stay; what is marked data-keep is a person's own (an open form, a painted week) and is left alone. While the
// pointer or the focus is in a list of rows, its order stays too, and the new one is offered.
(() => {
  const EVERY = 15000;
  const live = document.getElementById("live");
  const pause = document.getElementById("pause");
  const stale = document.getElementById("stale");
  const moved = document.getElementById("moved");
  const checked = document.getElementById("checked-at");
  if (!pause) return;

  // Marked with a selector, it is kept only while it holds what the selector names.
  const isKept = (node) => {
    const only = node.dataset?.keep;
    return only !== undefined && (only === "" || node.querySelector(only) !== null);
  };
  Object.assign(Idiomorph.defaults.callbacks, {
    beforeNodeMorphed: (node) => !isKept(node),
    // Whether a table is open is its reader's choice, and the size of a drawing its script's.
    beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS") && !(name !== "aria-label" && node.tagName === "CANVAS"),
  });
  let isPaused = false, isForced = false;

  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: checked.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const say = (text) => { document.getElementById("say").textContent = text; };
  const refresh = () => htmx.ajax("GET", live.dataset.url + location.search, { target: "#live", swap: "morph:innerHTML" })
    .catch(() => {});                                      // told by the event, below
  const isBusy = () => Boolean(live.querySelector("[data-rows]:hover")) || Boolean(document.activeElement?.closest("#live [data-rows]"));

  const keys = (list) => [...list.children].map((row) => row.id);
  const members = (list) => [...list.children].flatMap((row) => row.dataset.key || []);

  /** How many of the second list's members are out of the first one's order: all but the longest run in it. */
  function outOfOrder(before, after) {
    const at = new Map(before.map((key, index) => [key, index]));
    const tails = [];
    for (const key of after) {
      const index = at.get(key);
      let place = tails.findIndex((tail) => tail > index);
      if (place < 0) place = tails.length;
      tails[place] = index;
    }
    return after.length - tails.length;
  }

  /** The answer with its rows in the order, and in the lists, in which they are now; and how many that moved back. */
  function inPresentOrder(html) {
    const next = new DOMParser().parseFromString(html, "text/html");
    const gone = new Set();
    let number = 0;
    for (const list of live.querySelectorAll("[data-rows]")) {
      const coming = next.getElementById(list.id);
      if (!coming) return { html: null, number: members(list).length };
      if (keys(list).join() === keys(coming).join()) continue;
      const [before, after] = [members(list), members(coming)];
      for (const key of before) if (!after.includes(key)) gone.add(key);
      for (const key of after) if (!before.includes(key)) gone.add(key);
      number += outOfOrder(before, after.filter((key) => before.includes(key)));
      coming.replaceChildren(...[...list.children].map((row) => next.getElementById(row.id) || next.importNode(row, true)));
    }
    return { html: next.body.innerHTML, number: number + gone.size };
  }

  function tellMoved(number) {
    const text = `${number} ${number === 1 ? moved.dataset.one : moved.dataset.many} moved.`;
    if (number && moved.hidden) say(text);
    moved.hidden = !number;
    moved.querySelector("[data-moved]").textContent = text;
  }

  live.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== live || event.detail.isError) return;
    const answered = new URL(event.detail.xhr.responseURL || location.href);
    if (answered.pathname !== live.dataset.url) {            // signed out meanwhile
      event.detail.shouldSwap = false;
      location.reload();
      return;
    }
    const isFromHere = !event.detail.requestConfig.elt.closest?.("#live");
    if (isFromHere && !isForced && isBusy()) {
      const { html, number } = inPresentOrder(event.detail.serverResponse);
      if (html === null) event.detail.shouldSwap = false;
      else event.detail.serverResponse = html;
      if (moved) tellMoved(number);
    } else if (moved) {
      moved.hidden = true;
    }
    isForced = false;
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.target !== live) return;
    if (event.detail.successful) {
      const told = event.detail.xhr.getResponseHeader("Date");
      checked.textContent = clock.format(told ? new Date(told) : new Date());
      stale.hidden = true;
      document.title = `${document.querySelector("[data-title]").dataset.title} · Budgets`;
    } else {
      if (stale.hidden) {
        stale.querySelector("[data-since]").textContent = checked.textContent;
        stale.querySelector("[data-failed]").textContent = clock.format(new Date());
      }
      const isDatabase = event.detail.xhr.status === 503;
      stale.querySelector("[data-silent]").textContent = isDatabase ? "The database cannot be reached" : "The server has not answered";
      stale.hidden = false;
    }
  });

  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.querySelector("span").textContent = isPaused ? "Resume updates" : "Pause updates";
    pause.querySelector("use").setAttribute("href", isPaused ? "#i-run" : "#i-stop");
    say(isPaused ? "Updates are paused." : "Updates go on.");
    if (!isPaused) refresh();
  });
  stale.querySelector("[data-refresh]").addEventListener("click", refresh);
  moved?.querySelector("[data-sort]").addEventListener("click", () => { isForced = true; refresh(); });
  setInterval(() => { if (!isPaused && !document.hidden) refresh(); }, EVERY);
  document.addEventListener("visibilitychange", () => { if (!isPaused && !document.hidden) refresh(); });
})();
