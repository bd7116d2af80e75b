// Every page: theme, menu, search box. Not deferred, so that the kept theme is there before anything is drawn.
const root = document.documentElement;
root.dataset.js = "";
const kept = localStorage.getItem("theme");
if (kept) root.dataset.theme = kept;

document.addEventListener("DOMContentLoaded", () => {
  // Theme: as the system, light, dark.
  const NAMES = { "": "as the system", light: "light", dark: "dark" };
  const NEXT = { "": "light", light: "dark", dark: "" };
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    const now = () => root.dataset.theme || "";
    const name = () => button.setAttribute("aria-label", `Theme: ${NAMES[now()]}. Change to ${NAMES[NEXT[now()]]}`);
    name();
    button.addEventListener("click", () => {
      const next = NEXT[now()];
      if (next) { root.dataset.theme = next; localStorage.setItem("theme", next); }
      else { delete root.dataset.theme; localStorage.removeItem("theme"); }
      name();
      document.dispatchEvent(new Event("themechange"));
    });
  }

  // Narrow screens: links and search box behind one button.
  const menu = document.querySelector("[data-menu]");
  menu?.addEventListener("click", () => {
    const open = menu.getAttribute("aria-expanded") !== "true";
    menu.setAttribute("aria-expanded", String(open));
    document.querySelector(".top").toggleAttribute("data-open", open);
  });

  // A page that answers a form, loaded again, sends the form again; the browser asks before it does.
  for (const again of document.querySelectorAll("[data-again]")) {
    again.hidden = false;
    again.addEventListener("click", () => location.reload());
  }

  // A part of the page that did not come: the page stays as it is and says so, until a part comes again. What
  // updates itself tells of it where it stands (live.js).
  const missed = document.getElementById("missed");
  const told = missed?.querySelector("p");
  const isPart = (event) => missed && event.detail.target?.id !== "live";
  const miss = (event) => {
    if (!isPart(event)) return;
    const { status, responseText } = event.detail.xhr;
    told.textContent = status === 503 && responseText.length < 500 ? responseText : told.dataset.otherwise;
    missed.hidden = false;
  };
  document.addEventListener("htmx:responseError", miss);
  document.addEventListener("htmx:sendError", miss);
  document.addEventListener("htmx:afterRequest", (event) => { if (isPart(event) && event.detail.successful) missed.hidden = true; });

  // Search box: "/" goes there, arrows move through what was found, Esc closes it.
  const find = document.getElementById("find");
  const found = document.getElementById("found");
  if (!find) return;
  const close = () => found.replaceChildren();
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, select, [role=grid]")) {
      event.preventDefault();
      find.focus();
    }
  });
  find.form.addEventListener("keydown", (event) => {
    const links = [...found.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "Escape") { close(); find.focus(); }
    else if (event.key === "ArrowDown" && links.length) links[Math.min(at + 1, links.length - 1)].focus();
    else if (event.key === "ArrowUp" && at >= 0) (links[at - 1] || find).focus();
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => { if (!find.form.contains(event.target)) close(); });
  find.form.addEventListener("focusout", (event) => { if (!find.form.contains(event.relatedTarget)) close(); });

  // Menus that open below their button close when the attention goes elsewhere.
  document.addEventListener("click", (event) => {
    for (const pop of document.querySelectorAll("details.pop[open]")) if (!pop.contains(event.target)) pop.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const pop = event.key === "Escape" && event.target.closest?.("details.pop[open]");
    if (pop) { pop.open = false; pop.querySelector("summary").focus(); }
  });
});
