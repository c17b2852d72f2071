// Unfolds a task that a link leads to, and all of them for printing. The page can be read without it.
"use strict";
function reveal() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (place instanceof HTMLDetailsElement) { place.open = true; place.scrollIntoView(); }
}
addEventListener("hashchange", reveal);
addEventListener("beforeprint", () => document.querySelectorAll("details.task").forEach((one) => { one.open = true; }));
for (const button of document.querySelectorAll("button[data-fold]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const open = button.dataset.fold === "open";
    document.querySelectorAll("details.task").forEach((one) => { one.open = open; });
  });
}
reveal();
