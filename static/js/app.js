// What every page does: theme without a reload, toasts that leave, focus after a swap, copying, rows that open.
import { listen } from "./keys.js";
import { copy, leaveLater, say } from "./toasts.js";

const THEMES = ["auto", "light", "dark"];

listen();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-theme-form]")) switchTheme(event, form);
});

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-toggle]");
  if (toggle) toggle.setAttribute("aria-expanded", String(toggle.getAttribute("aria-expanded") !== "true"));
  const codes = event.target.closest("[data-copy]");
  if (codes) copyCodes(codes.dataset.copy);
  const text = event.target.closest("[data-copy-text]");
  if (text) copyText(text.dataset.copyText);
  const toast = event.target.closest("[data-toast]");
  if (toast) toast.remove();
  const needy = event.target.closest("[data-needs]");
  if (needy) insist(event, needy);
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-ticks] [data-all]")) return;
  for (const box of event.target.closest("[data-ticks]").querySelectorAll("tbody [type=checkbox]")) box.checked = event.target.checked;
});

document.addEventListener("htmx:afterSettle", (event) => {
  const target = event.detail.elt;
  const focus = target.querySelector?.("[data-focus]");
  if (focus) focus.focus({ preventScroll: true });
  target.querySelector?.(".queue-item[aria-current]")?.scrollIntoView({ block: "nearest" });
  leaveLater();
});
document.addEventListener("htmx:responseError", () => say("The server did not answer as expected. Try again."));
document.addEventListener("htmx:sendError", () => say("No connection. Nothing was lost: try again."));

leaveLater();
document.querySelector(".queue-item[aria-current]")?.scrollIntoView({ block: "nearest" });

/** The theme changes at once; the server remembers it. Without JavaScript the form does both. */
function switchTheme(event, form) {
  event.preventDefault();
  const root = document.documentElement;
  const now = root.dataset.theme || "auto";
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  root.dataset.theme = next;
  form.querySelector("button").setAttribute("aria-label", `Theme: ${next}. Switch`);
  const data = new FormData(form);
  data.set("theme", next);
  fetch(form.action, { method: "POST", body: data, headers: { "HX-Request": "true" } });
}

function copyCodes(name) {
  const rows = document.querySelectorAll(`[data-copied="${CSS.escape(name)}"] tbody tr`);
  const text = [...rows].map((row) => [...row.cells].slice(0, 4).map((cell) => cell.innerText.trim()).join("\t")).join("\n");
  copy(text, `${rows.length} code${rows.length === 1 ? "" : "s"} copied.`);
}

/** Of several texts in the place, the one that shows. */
function copyText(id) {
  const shown = [...document.querySelectorAll(`#${CSS.escape(id)} pre, #${CSS.escape(id)}:is(pre, code)`)].find((one) => one.checkVisibility());
  copy(shown?.innerText ?? "", "Copied.");
}

/** A button that needs a text moves the focus there instead of acting without it. */
function insist(event, button) {
  const field = document.getElementById(button.dataset.needs);
  if (!field || field.value.trim()) return;
  event.preventDefault();
  button.closest("[popover]")?.hidePopover();
  field.setAttribute("aria-invalid", "true");
  field.focus();
}
