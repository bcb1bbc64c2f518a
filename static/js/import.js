// Mapping columns: N goes to the next column that needs a look.

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "n" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.activeElement?.matches("input, textarea") || document.body.dataset.keys === "off") return;
  const unsure = [...document.querySelectorAll(".map-check select")];
  if (!unsure.length) return;
  event.preventDefault();
  unsure[(unsure.indexOf(document.activeElement) + 1) % unsure.length].focus();
});

// Ctrl+Enter starts the import, from wherever the focus is.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const form = document.querySelector("form#main");
  event.preventDefault();
  form?.requestSubmit(form.querySelector(".bar button[type=submit]"));
});
