// What asks by itself, again and again: never under somebody's hands, never while nobody looks, and quietly when it fails.
import { openBox } from "./keys.js";
import { say } from "./toasts.js";

let outage = null; // the notice that nothing has been heard

const isPoll = (event) => event.detail.elt?.matches?.("[data-poll]") ?? false;

export function careForPolls() {
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isPoll(event) && (document.hidden || event.detail.elt.contains(openBox()))) event.preventDefault();
  });
  // Opened while the answer was under way.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (isPoll(event) && event.detail.elt.contains(openBox())) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const login = isPoll(event) && event.detail.xhr.getResponseHeader("HX-Redirect");
    if (login) signedOut(event, login);
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (isPoll(event)) silent(event);
  }, true);
  document.addEventListener("htmx:responseError", (event) => {
    if (isPoll(event)) silent(event);
  }, true);
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isPoll(event) || !event.detail.successful) return;
    outage?.remove();
    outage = null;
  });
}

function silent(event) {
  event.stopImmediatePropagation();
  outage ??= say("No connection. What you see may be old.", { stays: true });
}

/** Nobody is sent away from what they are typing because something asked by itself. */
function signedOut(event, login) {
  event.preventDefault();
  const toast = say("You have been signed out.", { stays: true });
  if (toast.querySelector("a")) return;
  toast.append(Object.assign(document.createElement("a"), { href: login, className: "link", textContent: "Sign in" }));
}
