// Mapping columns: N goes to the next column that needs a look, Y accepts what it becomes, Ctrl+Enter starts the import.

import { onKey } from "./keys.js";

const place = document.querySelector("[data-to-check]");

const tick = (row) => row.querySelector("[name=accepted]");
const open = () => [...document.querySelectorAll(".map-check")].filter((row) => !tick(row).checked);

onKey((key) => {
  const act = { n: next, y: accept }[key];
  if (!act || !open().length) return false;
  act(document.activeElement?.closest(".map-check"));
  return true;
}, { inSelects: true });

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const form = document.querySelector("form#main");
  event.preventDefault();
  form?.requestSubmit(form.querySelector(".bar button[type=submit]"));
});

// Who says where a column goes has looked at it.
document.addEventListener("change", (event) => {
  const row = event.target.closest?.(".map-check");
  if (row && event.target.matches("select")) tick(row).checked = true;
  count();
});
count(); // the browser may have kept ticks over a reload

/** The one after this row, from the top again after the last. */
function next(row) {
  const rows = open();
  const after = rows.find((one) => row && row.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
  (after ?? rows[0])?.querySelector("select").focus();
}

/** The row in focus, else the first one: so that what is accepted is always in sight, the first press only goes there. */
function accept(row) {
  if (!row) return next();
  tick(row).checked = true;
  count();
  next(row);
}

function count() {
  const left = open().length;
  if (place) place.textContent = left ? `${left} to check` : "All checked";
  place?.classList.toggle("tag--warn", left > 0);
}
