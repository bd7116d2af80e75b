// What the admin's theme and its choosers leave out for those who hear a page: landmarks, names, heads of columns.
// They are drawn by scripts, and drawn again, so this follows them.
"use strict";
{
  const set = (element, name, value) => { if (element && element.getAttribute(name) !== value) element.setAttribute(name, value); };
  const labelOf = (field) => [...(field.labels || [])].map((label) => label.firstChild?.textContent.trim()).find(Boolean) || field.getAttribute("aria-label") || "Choose";

  function mend() {
    set(document.getElementById("main") || document.getElementById("page"), "role", "main");
    document.querySelectorAll(".simplebar-content-wrapper").forEach((part, number) => set(part, "aria-label", `Scrolled part ${number + 1}`));
    for (const field of document.querySelectorAll("select.select2-hidden-accessible")) {
      const drawn = field.nextElementSibling, label = labelOf(field);
      const combobox = drawn?.querySelector("[role=combobox]"), choices = combobox?.getAttribute("aria-owns");
      if (choices) set(combobox, "aria-controls", choices);
      const open = choices && document.getElementById(choices)?.closest("body > .select2-container");
      if (open) {
        set(open, "role", "region");
        set(open, "aria-label", `Choices of ${label}`);
        set(open.querySelector("input"), "aria-label", `Find in ${label}`);
      }
      const chosen = drawn?.querySelector("span.select2-selection__rendered");
      if (chosen) {
        combobox.removeAttribute("aria-labelledby"); // what is chosen, without what it is chosen for
        for (const part of [combobox, chosen]) set(part, "aria-label", `${label}: ${field.selectedOptions[0]?.textContent.trim() || "nothing chosen"}`);
      }
      const several = drawn?.querySelector("ul.select2-selection__rendered");
      if (!several) continue;
      set(combobox, "aria-label", label);
      for (const part of [several, ...several.children]) set(part, "role", "presentation");
      set(several.querySelector("input"), "aria-label", label);
    }
    for (const head of document.querySelectorAll(".inline-related thead th")) {
      if (!head.textContent.trim()) head.append(Object.assign(document.createElement("span"), { className: "vh", textContent: "Delete" }));
    }
  }

  let asked = false;
  const soon = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; mend(); });
  };
  document.addEventListener("DOMContentLoaded", () => {
    mend();
    new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
  });
}
