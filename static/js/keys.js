// Single-key shortcuts. A key does what clicking its element would: <a data-key="j">, <button data-key="m">.
// They rest while a text field has the focus, while a modifier is held, and when the user turned them off.

import { openPalette } from "./palette.js";

const TYPING = "input:not([type=radio], [type=checkbox], [type=button]), select, textarea, [contenteditable]";
const MOVES = ["j", "k"]; // a key held down moves on, and does nothing else twice
let going = false;

export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return openPalette(event);
    if (event.ctrlKey || event.metaKey || event.altKey || document.activeElement?.matches(TYPING)) return;
    if (document.body.dataset.keys === "off" || (event.repeat && !MOVES.includes(event.key.toLowerCase()))) return;
    press(event, event.key.toLowerCase());
  });
}

function press(event, key) {
  if (going) {
    going = false;
    return click(event, document.querySelector(`[data-go="${CSS.escape(key)}"]`));
  }
  if (key === "g") {
    going = true;
    setTimeout(() => (going = false), 1500);
  } else if (key === "?") {
    document.getElementById("keys").togglePopover();
  } else if (key === "/") {
    focusSearch(event);
  } else if ((key === "a" || key === "b") && pick(key)) {
    event.preventDefault();
  } else if (key.length === 1) {
    click(event, usable(key));
  }
}

/** In an open popover only its own keys work. */
function usable(key) {
  const open = document.querySelector("[popover]:popover-open");
  return (open ?? document).querySelector(`[data-key="${CSS.escape(key)}"]`);
}

function click(event, element) {
  if (!element) return;
  event.preventDefault();
  element.click();
  if (element.hasAttribute("popovertarget")) {
    document.getElementById(element.getAttribute("popovertarget"))?.querySelector("select, input:not([type=hidden]), button")?.focus();
  }
}

function focusSearch(event) {
  event.preventDefault();
  document.querySelector('[data-key="/"]')?.focus();
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
