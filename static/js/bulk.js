// A table to tick: the box in the heading ticks all.

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-ticks] [data-all]")) return;
  for (const box of event.target.closest("table").querySelectorAll("tbody [type=checkbox]")) box.checked = event.target.checked;
});
