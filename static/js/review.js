// The review workplace: a pick shows its value under "If matched" at once; the server decides on submit.

document.addEventListener("change", (event) => {
  const radio = event.target;
  if (!radio.matches?.(".pick input[type=radio]")) return;
  const row = radio.closest("tr");
  const value = row.querySelector(".cmp-value");
  const why = row.querySelector(".cmp-why");
  value.textContent = radio.closest(".pick").querySelector(".pick-value").innerText.trim();
  why.textContent = "Your pick, overrides the rule";
  why.classList.add("cmp-why--mine");
});
