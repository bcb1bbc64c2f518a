// What a swap must not take away: the focus, and what has been typed since it was asked for. And what it says.
import { leaveLater, say } from "./toasts.js";

const BLINK = 350; // ms in which nobody can have looked at something new: a key pressed twice decides once
const FOCUSABLE = "a[href], button:not(:disabled), input:not([type=hidden]), select, textarea, summary";
let shownAt = -Infinity;
let lost = false; // the focus was in what is being swapped
let typed = null; // {id, value} of a text field that is being swapped

/** Whether what can be decided has only just come up. */
export const tooSoon = () => performance.now() - shownAt < BLINK;

export function careForSwaps() {
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.matches("[data-look]") && tooSoon()) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const field = document.activeElement;
    lost = field !== document.body && event.detail.target.contains(field);
    const asked = lost && field.matches("input[id], textarea[id]") ? event.detail.requestConfig?.parameters[field.name] : undefined;
    typed = asked === undefined || asked === field.value ? null : { id: field.id, value: field.value, at: field.selectionStart };
  });
  document.addEventListener("htmx:afterSwap", keepTyped);
  document.addEventListener("htmx:afterSettle", settled);
  document.addEventListener("htmx:responseError", () => say("The server did not answer as expected. Try again."));
  document.addEventListener("htmx:sendError", () => say("No connection. Nothing was lost: try again."));
}

/** Whoever typed on while the answer was under way goes on from there; once htmx knows the new field, it asks again. */
function keepTyped() {
  const field = typed && document.getElementById(typed.id);
  if (!field || field.value === typed.value) return;
  field.value = typed.value;
  if (typed.at !== null) field.setSelectionRange(typed.at, typed.at);
}

function settled(event) {
  const target = event.detail.elt;
  if (target.id === "main") shownAt = performance.now();
  const focus = target.querySelector?.("[data-focus]");
  if (focus) focus.focus({ preventScroll: true });
  else if (lost && document.activeElement === document.body) catchFocus(target);
  lost = false;
  const form = typed && document.getElementById(typed.id)?.form;
  if (form) globalThis.htmx.trigger(form, "submit");
  typed = null;
  target.querySelector?.(".queue-item[aria-current]")?.scrollIntoView({ block: "nearest" });
  const said = target.querySelector?.("[data-said]");
  if (said) announce(said.textContent);
  leaveLater();
}

/** Where htmx finds no element with the same id, the first thing that is new has it. */
function catchFocus(target) {
  const place = target.matches(FOCUSABLE) ? target : (target.querySelector(FOCUSABLE) ?? target);
  if (place === target && !target.matches(FOCUSABLE)) target.tabIndex = -1;
  place.focus({ preventScroll: true });
}

/** For screen readers: what came of it, once, and not the whole part that was swapped. */
function announce(text) {
  const place = document.getElementById("said");
  const words = text.replace(/\s+/g, " ").trim();
  if (place && place.textContent !== words) place.textContent = words;
}
