// The command palette: Ctrl+K opens it, arrows choose, Enter goes there. The entries come from the server.

const box = () => document.getElementById("palette");
const options = () => [...document.querySelectorAll("#palette-list [role=option]")];

export function openPalette(event) {
  event.preventDefault();
  if (!box()) return;
  box().showPopover();
}

document.getElementById("palette")?.addEventListener("toggle", (event) => {
  const input = box().querySelector("input");
  if (event.newState === "open") {
    input.select();
    input.focus();
    input.dispatchEvent(new Event("palette"));
  }
});

document.getElementById("palette")?.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    move(step);
  } else if (event.key === "Enter") {
    event.preventDefault();
    chosen()?.click();
  }
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt.id === "palette-list") choose(options()[0]);
});

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
  const input = box().querySelector("input");
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}
