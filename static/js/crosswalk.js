// The crosswalk explorer: count what is pasted, resolve with Ctrl+Enter, walk the problems with N, copy the column.
import { onKey } from "./keys.js";
import { copy } from "./toasts.js";

const codes = document.querySelector("#resolve textarea");

codes?.addEventListener("input", countLines);
codes?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  codes.form.requestSubmit(codes.form.querySelector("[data-submit]"));
});
// A file is downloaded by the browser itself.
document.getElementById("resolve")?.addEventListener("htmx:confirm", (event) => {
  const button = event.detail.triggeringEvent?.submitter;
  if (!button?.hasAttribute("data-native")) return;
  event.preventDefault();
  button.form.action = button.formAction;
  HTMLFormElement.prototype.submit.call(button.form);
  button.form.action = button.form.getAttribute("hx-post");
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-copy-column]")) copyColumn();
});
onKey((key) => {
  const cells = key === "n" ? [...document.querySelectorAll("[data-problem] > td:last-child")] : [];
  cells[(cells.indexOf(document.activeElement) + 1) % cells.length]?.focus();
  return cells.length > 0;
});
countLines();

function countLines() {
  const number = codes?.value.split("\n").filter((line) => line.trim()).length;
  const place = document.querySelector("[data-pasted]");
  if (place) place.textContent = number ? `${number.toLocaleString("en")} pasted` : "";
}

function copyColumn() {
  const cells = [...document.querySelectorAll("#resolved [data-column]")].map((cell) => cell.textContent.replace("∅", ""));
  copy(cells.join("\n"), `${cells.length} code${cells.length === 1 ? "" : "s"} copied.`);
}
