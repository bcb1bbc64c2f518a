// What every page does: theme without a reload, one answer to one press, focus after a swap, copying, rows that open.
import { listen } from "./keys.js";
import { careForPolls } from "./polls.js";
import { careForSwaps } from "./swaps.js";
import { copy, leaveLater, say } from "./toasts.js";

const THEMES = ["auto", "light", "dark"];
const SLIP = 3000; // ms in which a form that was sent isn't sent again: Enter was pressed twice, or held
let needy = null; // the button that asked for a text

listen();
careForPolls();
careForSwaps();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-theme-form]")) switchTheme(event, form);
  else if (!event.defaultPrevented && form.method === "post") sendOnce(event, form);
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
  const asks = event.target.closest("[data-needs]");
  if (asks) insist(event, asks);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !needy?.isConnected || event.target.id !== needy.dataset.needs) return;
  event.preventDefault();
  if (event.target.value.trim()) needy.click();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-ticks] [data-all]")) return;
  for (const box of event.target.closest("[data-ticks]").querySelectorAll("tbody [type=checkbox]")) box.checked = event.target.checked;
});

leaveLater();
addEventListener("load", () => setTimeout(readOut, 200));
for (const one of document.querySelectorAll(".queue-item[aria-current], .nav [aria-current]")) one.scrollIntoView({ block: "nearest", inline: "nearest" });

/** What a region holds when the page comes isn't read out; what joins it is. */
function readOut() {
  const place = document.getElementById("messages");
  place?.append(...place.children);
}

function sendOnce(event, form) {
  const now = performance.now();
  if (now - Number(form.dataset.sent ?? -Infinity) < SLIP) return event.preventDefault();
  form.dataset.sent = String(now);
}

// Back to a page that the browser kept: what was sent from it has been answered.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

/** The theme changes at once; the server remembers it. Without JavaScript the form does both. */
async function switchTheme(event, form) {
  event.preventDefault();
  const root = document.documentElement;
  const now = root.dataset.theme || "auto";
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  root.dataset.theme = next;
  form.querySelector("button").setAttribute("aria-label", `Theme: ${next}. Switch`);
  const data = new FormData(form);
  data.set("theme", next);
  try {
    await fetch(form.action, { method: "POST", body: data, headers: { "HX-Request": "true" }, keepalive: true });
  } catch {
    say("No connection. The theme holds for this page.");
  }
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

/** A button that needs a text moves the focus there instead of acting without it; Enter in there then presses it. */
function insist(event, button) {
  const field = document.getElementById(button.dataset.needs);
  if (!field || field.value.trim()) return;
  event.preventDefault();
  needy = button;
  button.closest("[popover]")?.hidePopover();
  field.setAttribute("aria-invalid", "true");
  field.focus();
}
