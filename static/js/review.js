// The review workplace: a pick shows its value under "If matched" at once; the server decides on submit.

document.addEventListener("change", (event) => {
  const radio = event.target;
  if (!radio.matches?.(".pick input[type=radio]")) return;
  const row = radio.closest("tr");
  const value = row.querySelector(".cmp-value");
  const why = row.querySelector(".cmp-why");
  const byRule = radio.defaultChecked;
  why.dataset.rule ??= why.textContent;
  value.textContent = byRule ? value.dataset.result : radio.closest(".pick").querySelector(".pick-value").innerText.trim();
  why.textContent = byRule ? why.dataset.rule : "Your pick, overrides the rule";
  why.classList.toggle("cmp-why--mine", !byRule);
});
