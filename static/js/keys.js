// Single-key shortcuts. A key does what clicking its element would: <a data-key="j">, <button data-key="m">.
// They rest while a text field has the focus, while a modifier is held, and when the user turned them off.

import { openPalette } from "./palette.js";
import { dismiss } from "./toasts.js";

const TYPING = "input:not([type=radio], [type=checkbox], [type=button]), textarea, [contenteditable]";
const CHOOSING = "select"; // letters choose there
const MOVES = ["j", "k"]; // a key held down moves on, and does nothing else twice
let going = false;

export const openBox = () => document.querySelector("[popover]:popover-open");

/** Which single key this is, in lower case; empty where keys rest. A page's own keys also rest while a box is open. */
export function single(event, { among = `${TYPING}, ${CHOOSING}` } = {}) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return "";
  if (document.body.dataset.keys === "off" || document.activeElement?.matches(among)) return "";
  const key = event.key.toLowerCase();
  return event.repeat && !MOVES.includes(key) ? "" : key;
}

/** A key of one page: `act` gets it and returns whether it meant something. `inSelects`: it works in selects, too. */
export function onKey(act, { inSelects = false } = {}) {
  document.addEventListener("keydown", (event) => {
    const key = going || openBox() ? "" : single(event, inSelects ? { among: TYPING } : {});
    if (key && act(key)) event.preventDefault();
  });
}

export function listen() {
  document.addEventListener("keydown", (event) => {
    if (!event.defaultPrevented && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return openPalette(event);
    if (event.key === "Escape") return leave(event);
    const key = single(event);
    if (key) press(event, key);
  });
}

function press(event, key) {
  if (going) {
    going = false;
    event.preventDefault(); // it is no key of the page, too
    return click(event, document.querySelector(`[data-go="${CSS.escape(key)}"]`));
  }
  if (key === "g") {
    going = true;
    setTimeout(() => (going = false), 1500);
  } else if (key === "?") {
    document.getElementById("keys").togglePopover();
  } else if (key === "/" && !openBox()) {
    focusSearch(event);
  } else if ((key === "a" || key === "b") && !openBox() && pick(key)) {
    event.preventDefault();
  } else if (key.length === 1) {
    click(event, usable(key));
  }
}

/** In an open popover only its own keys work. */
function usable(key) {
  return (openBox() ?? document).querySelector(`[data-key="${CSS.escape(key)}"]`);
}

function click(event, element) {
  if (!element) return;
  event.preventDefault();
  const opens = element.hasAttribute("popovertarget");
  if (opens) element.focus(); // where the focus is again once the box has closed
  element.click();
  if (opens) {
    document.getElementById(element.getAttribute("popovertarget"))?.querySelector("select, input:not([type=hidden]), button")?.focus();
  }
}

function focusSearch(event) {
  event.preventDefault();
  document.querySelector('[data-key="/"]')?.focus();
}

/** Escape leaves a text field, so that single keys are heard again; what is in it stays. Elsewhere it puts notices away. */
function leave(event) {
  const field = document.activeElement;
  if (event.defaultPrevented || event.isComposing || openBox()) return;
  if (!field?.matches(TYPING)) return dismiss();
  if (field.type === "search" && field.value) return; // the browser empties it
  (document.querySelector("[data-focus]") ?? field).focus({ preventScroll: true });
  if (document.activeElement === field) field.blur();
}

/** A or B: take that side of the row in focus, or of the first row that can be picked. */
function pick(side) {
  const row = document.activeElement?.closest("tr") ?? document.querySelector("tr:has(.pick input)");
  const radio = row?.querySelector(`.pick input[value="${side}"]`);
  if (!radio) return false;
  radio.focus();
  radio.click();
  return true;
}
