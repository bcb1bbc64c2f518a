// The command palette: Ctrl+K opens it, arrows choose, Enter goes there. The entries come from the server.

const box = () => document.getElementById("palette");
const field = () => box().querySelector("input");
let asked = ""; // what the last request was about
let answered = null; // what the entries shown are about
let hurried = false; // Enter was pressed before the answer was there

const options = () => [...document.querySelectorAll("#palette-list [role=option]")];

export function openPalette(event) {
  event.preventDefault();
  if (!box()) return;
  box().showPopover();
  ready(); // at once: whoever types on without a pause is heard from the first letter
}

function ready() {
  const input = field();
  if (document.activeElement === input) return; // what has been typed since stays
  input.select();
  input.focus();
}

document.getElementById("palette")?.addEventListener("toggle", (event) => {
  if (event.newState === "open") {
    hurried = false;
    ready();
    field().dispatchEvent(new Event("palette"));
  }
});

document.getElementById("palette")?.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    move(step);
  } else if (event.key === "Enter") {
    event.preventDefault();
    go();
  }
});

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.closest?.("#palette")) asked = field().value;
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt.id !== "palette-list") return;
  answered = asked;
  choose(options()[0]);
  if (hurried) go();
});

/** Never to an entry for something else than what is typed. */
function go() {
  hurried = field().value !== answered;
  if (!hurried) chosen()?.click();
}

function chosen() {
  return options().find((one) => one.ariaSelected === "true");
}

function move(step) {
  const all = options();
  if (!all.length) return;
  choose(all[(all.indexOf(chosen()) + step + all.length) % all.length]);
}

function choose(option) {
  for (const one of options()) one.ariaSelected = String(one === option);
  const input = field();
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}
