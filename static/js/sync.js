// The sync console: choose failed deliveries with J and K.
import { onKey } from "./keys.js";

const rows = () => [...document.querySelectorAll("[data-dead] tr[data-lane]")];

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-dead] tr[data-lane] a");
  if (link) choose(link.closest("tr"));
});

onKey((key) => {
  const step = { j: 1, k: -1 }[key];
  const all = rows();
  const next = step && all[all.findIndex((row) => row.ariaSelected === "true") + step];
  if (!next) return false;
  for (const row of all) tick(row, row === next);
  next.querySelector("a").focus({ preventScroll: true });
  next.querySelector("a").click();
  return true;
});

function choose(chosen) {
  for (const row of rows()) row.ariaSelected = String(row === chosen);
  chosen.scrollIntoView({ block: "nearest" });
}

function tick(row, on) {
  const box = row.querySelector("input[name=lane]");
  if (box) box.checked = on;
}
