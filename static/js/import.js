// Mapping columns: N goes to the next column that needs a look.

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "n" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.activeElement?.matches("input, textarea") || document.body.dataset.keys === "off") return;
  const unsure = [...document.querySelectorAll(".map-check select")];
  if (!unsure.length) return;
  event.preventDefault();
  unsure[(unsure.indexOf(document.activeElement) + 1) % unsure.length].focus();
});
