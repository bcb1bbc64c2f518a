// The sync console: choose failed deliveries with J and K, tick all, and leave the page alone while it is in use.

const rows = () => [...document.querySelectorAll("[data-dead] tr[data-lane]")];

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-dead] tr[data-lane] a");
  if (link) choose(link.closest("tr"));
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-dead] [data-all]")) return;
  for (const box of document.querySelectorAll("[data-dead] input[name=lane]")) box.checked = event.target.checked;
});

document.addEventListener("keydown", (event) => {
  const step = { j: 1, k: -1 }[event.key.toLowerCase()];
  if (!step || event.ctrlKey || event.metaKey || event.altKey || document.body.dataset.keys === "off") return;
  if (document.activeElement?.matches("input:not([type=checkbox]), select, textarea")) return;
  const all = rows();
  const next = all[all.findIndex((row) => row.ariaSelected === "true") + step];
  if (!next) return;
  event.preventDefault();
  for (const row of all) tick(row, row === next);
  next.querySelector("a").click();
});

// Nothing is swapped under an open form, nor asked for while nobody looks.
document.addEventListener("htmx:beforeRequest", (event) => {
  const poll = event.target.closest?.("[data-poll]");
  if (poll && (document.hidden || poll.querySelector(":popover-open"))) event.preventDefault();
});

function choose(chosen) {
  for (const row of rows()) row.ariaSelected = String(row === chosen);
  chosen.scrollIntoView({ block: "nearest" });
}

function tick(row, on) {
  const box = row.querySelector("input[name=lane]");
  if (box) box.checked = on;
}
