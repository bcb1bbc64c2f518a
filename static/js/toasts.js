// Notices of what just happened.

/** `stays`: until whoever put it there takes it away. */
export function say(text, { stays = false } = {}) {
  const toast = document.createElement("p");
  toast.className = "toast";
  if (!stays) toast.dataset.toast = "";
  toast.textContent = text;
  document.getElementById("messages")?.append(toast);
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

/** Toasts leave by themselves. */
export function leaveLater() {
  for (const toast of document.querySelectorAll("[data-toast]:not([data-leaving])")) {
    toast.dataset.leaving = "";
    setTimeout(() => toast.remove(), 8000);
  }
}
