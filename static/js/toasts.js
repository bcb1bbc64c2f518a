// Notices of what just happened.

const MOST = 3; // at once; older ones make room
const place = () => document.getElementById("messages");

/** `stays`: until whoever put it there takes it away; `bad`: until it is put away. The same text isn't said twice at once. */
export function say(text, { stays = false, bad = false } = {}) {
  const said = [...(place()?.children ?? [])].find((one) => one.firstChild?.textContent === text);
  if (said) return said;
  const toast = document.createElement("p");
  toast.className = bad ? "toast toast--error" : "toast";
  if (!stays) toast.dataset.toast = "";
  toast.textContent = text;
  place()?.append(toast);
  leaveLater();
  return toast;
}

/** Onto the clipboard, if the browser allows it: it has none on pages that came over plain HTTP. */
export async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    say(done);
  } catch {
    say("The browser did not allow copying.");
  }
}

/** Toasts leave by themselves; what went wrong stays until it is put away. */
export function leaveLater() {
  const all = [...document.querySelectorAll("[data-toast]")];
  for (const toast of all.slice(0, -MOST)) toast.remove();
  for (const toast of all.slice(-MOST)) {
    if ("leaving" in toast.dataset || toast.matches(".toast--error")) continue;
    toast.dataset.leaving = "";
    setTimeout(() => toast.remove(), 8000);
  }
}

/** Notices out of an answer that nothing swaps. */
export function take(parsed) {
  const toasts = [...parsed.querySelectorAll("[data-toast]")].map((toast) => document.adoptNode(toast));
  place()?.append(...toasts);
  leaveLater();
}

/** Puts away the notices that may be. */
export function dismiss() {
  for (const toast of document.querySelectorAll("[data-toast]")) toast.remove();
}
