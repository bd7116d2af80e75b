// Keeps the progress of imports as it is now, and the choice of campaigns to those of the chosen brand.
"use strict";
{
  const EVERY_MS = 2000;

  const watched = () => [...document.querySelectorAll("[data-import]")];

  const show = (place, now) => {
    const bar = place.querySelector("progress");
    if (now.percent === null) bar.removeAttribute("value");
    else bar.value = now.percent;
    const words = place.querySelector("[data-words]");
    if (words.textContent !== now.words) words.textContent = now.words;
  };

  const isTyping = () => document.activeElement && document.activeElement.matches("input, textarea, select");

  const look = async () => {
    const places = watched();
    if (!places.length) return;
    if (!document.hidden) {
      const ids = places.map((place) => `id=${place.dataset.import}`).join("&");
      const url = document.querySelector("[data-progress-url]").dataset.progressUrl;
      try {
        const answer = await fetch(`${url}?${ids}`, { headers: { Accept: "application/json" } });
        const found = answer.ok && !answer.redirected ? await answer.json() : {};
        let isOver = false;
        for (const place of places) {
          const now = found[place.dataset.import];
          if (!now) continue;
          if (now.state !== place.dataset.state) isOver = true;
          else show(place, now);
        }
        if (isOver && !isTyping()) {
          location.reload();
          return;
        }
      } catch {
        // The next look may find the site again.
      }
    }
    setTimeout(look, EVERY_MS);
  };

  const ofBrand = () => {
    const $ = window.django && window.django.jQuery;
    for (const select of document.querySelectorAll("select[data-of-brand]")) {
      const brand = document.getElementById(select.dataset.ofBrand);
      if (!$ || !brand) continue;
      const path = new URL(select.dataset.ajaxUrl || select.getAttribute("data-ajax--url"), location).pathname;
      $.ajaxPrefilter((asked) => {
        if (new URL(asked.url, location).pathname === path && brand.value) {
          asked.url += `${asked.url.includes("?") ? "&" : "?"}brand=${encodeURIComponent(brand.value)}`;
        }
      });
      $(brand).on("change", () => $(select).val(null).trigger("change"));
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    ofBrand();
    setTimeout(look, EVERY_MS);
  });
}
