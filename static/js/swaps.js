// What a swap must not take away: the focus, and what has been typed since it was asked for. And what it says.
import { leaveLater, say } from "./toasts.js";

const BLINK = 350; // ms in which nobody can have looked at something new: a key pressed twice decides once
const FOCUSABLE = "a[href], button:not(:disabled), input:not([type=hidden]), select, textarea, summary";
let shownAt = -Infinity;
const held = new WeakMap(); // by request: {typed: of the text field in what is swapped} where the focus was in there

/** Whether what can be decided has only just come up. */
export const tooSoon = () => performance.now() - shownAt < BLINK;

export function careForSwaps() {
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, target } = event.detail;
    if (elt.matches("[data-look]") && tooSoon()) event.preventDefault();
    if (elt.matches("[data-fill]") && target.children.length) event.preventDefault(); // it came already; when it failed, it is asked for again
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const field = document.activeElement;
    if (field === document.body || !detail.target.contains(field)) return;
    const asked = field.matches("input[id], textarea[id]") ? detail.requestConfig?.parameters[field.name] : undefined;
    const typed = asked === undefined || asked === field.value ? null : { id: field.id, value: field.value, at: field.selectionStart };
    held.set(detail.xhr, { typed });
  });
  document.addEventListener("htmx:afterSwap", keepTyped);
  document.addEventListener("htmx:afterSettle", settled);
  document.addEventListener("htmx:responseError", () => say("The server did not answer as expected. Try again."));
  document.addEventListener("htmx:sendError", () => say("No connection. Nothing was lost: try again."));
}

/** Whoever typed on while the answer was under way goes on from there; once htmx knows the new field, it asks again. */
function keepTyped({ detail }) {
  const typed = held.get(detail.xhr)?.typed;
  const field = typed && document.getElementById(typed.id);
  if (!field || field.value === typed.value) return;
  field.value = typed.value;
  if (typed.at !== null) field.setSelectionRange(typed.at, typed.at);
}

function settled({ detail }) {
  const { elt: target, xhr } = detail;
  const had = held.get(xhr);
  held.delete(xhr);
  if (target.id === "main") shownAt = performance.now();
  const focus = target.querySelector?.("[data-focus]");
  if (focus) focus.focus({ preventScroll: true });
  else if (had && document.activeElement === document.body) catchFocus(target);
  const form = had?.typed && document.getElementById(had.typed.id)?.form;
  if (form) globalThis.htmx.trigger(form, "submit");
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
