// The review workplace: picks show at once, and a decision brings the next pair at once: it was fetched beforehand.
import { say } from "./toasts.js";

const HTMX = { "HX-Request": "true" };
const FRESH = 60_000; // ms that a pair fetched beforehand may be old
const BLINK = 350; // ms in which nobody can have looked at a new pair: a key pressed twice decides once
const WHOLE = { swapStyle: "innerHTML" };

let ahead = { address: "", html: "", at: 0 };
let shownAt = 0;
let sending = Promise.resolve();
let unsent = 0;

document.addEventListener("change", (event) => {
  if (event.target.matches?.(".pick input[type=radio]")) showPick(event.target);
});
document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-other] input:not([type=radio], [type=date])")) showTyped(event.target);
});
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "e" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.body.dataset.keys === "off" || document.activeElement?.matches("input:not([type=radio]), select, textarea")) return;
  const row = document.activeElement?.closest("tr") ?? document.querySelector("tr:has([data-other])");
  const other = row?.querySelector("[data-other]");
  if (!other) return;
  event.preventDefault();
  other.open = true;
  other.querySelector("input").focus();
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "main" && !event.target.closest?.("#main")) return;
  shownAt = performance.now();
  fetchAhead();
});
addEventListener("load", fetchAhead);
addEventListener("beforeunload", (event) => {
  if (unsent) event.preventDefault();
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig: asked } = event.detail;
  if (!elt.matches("[data-pair]")) return;
  if (performance.now() - shownAt < BLINK) return event.preventDefault();
  const goesOn = asked.formData.get("decision") !== "reject" || Number(elt.dataset.candidates) < 2;
  const ready = ahead.html && ahead.address === elt.dataset.upcoming && performance.now() - ahead.at < FRESH;
  if (!goesOn || !ready) return; // htmx asks, waits and swaps
  event.preventDefault();
  decide(asked, elt.querySelector("h1").textContent);
});

/** What comes up after this pair, as soon as the browser has nothing else to do. */
function fetchAhead() {
  const address = document.querySelector("[data-pair]")?.dataset.upcoming;
  if (!address) return;
  ahead = { address, html: "", at: 0 };
  const fetchIt = async () => {
    try {
      const answer = await fetch(address, { headers: HTMX });
      const html = answer.ok && !answer.headers.has("HX-Redirect") ? await answer.text() : "";
      if (ahead.address === address) ahead = { address, html, at: performance.now() };
    } catch {
      // without it, the decision waits for the server
    }
  };
  (globalThis.requestIdleCallback ?? setTimeout)(fetchIt);
}

/** Show the next pair now and send the decision meanwhile, after those before it. */
function decide(asked, title) {
  const { address, html } = ahead;
  const request = { method: "POST", headers: asked.headers, body: new URLSearchParams(asked.formData) };
  globalThis.htmx.swap("#main", html, WHOLE);
  history.pushState({ htmx: true }, "", address);
  unsent += 1;
  sending = sending.then(() => send(asked.path, request, address, title)).finally(() => (unsent -= 1));
}

/** A lost connection loses nothing: sent again, a decision that was made already is answered as before. */
async function send(path, request, address, title) {
  for (;;) {
    try {
      const answer = await fetch(path, request);
      return answer.headers.has("HX-Redirect")
        ? location.assign(answer.headers.get("HX-Redirect"))
        : settle(answer, await answer.text(), address, title);
    } catch {
      await askToRetry(title);
    }
  }
}

function settle(answer, html, address, title) {
  const still = location.href === new URL(address, location.href).href;
  const parsed = new DOMParser().parseFromString(html, "text/html");
  if (still && answer.headers.get("HX-Push-Url") === address) {
    for (const id of ["queue", "messages"]) refresh(id, parsed);
  } else if (still && (answer.ok || answer.status === 409 || answer.status === 422)) {
    globalThis.htmx.swap("#main", html, WHOLE);
    history.replaceState({ htmx: true }, "", answer.headers.get("HX-Push-Url") ?? path(answer));
  } else if (!answer.ok) {
    say(`${title}: not decided. ${parsed.getElementById("messages")?.textContent.trim() ?? ""}`);
  }
}

function path(answer) {
  return new URL(answer.url).pathname.replace(/decide\/$/, "") + location.search;
}

function refresh(id, from) {
  const fresh = from.getElementById(id);
  const old = document.getElementById(id);
  if (!fresh || !old) return;
  const current = old.querySelector("[aria-current]");
  fresh.removeAttribute("hx-swap-oob");
  old.replaceWith(document.adoptNode(fresh));
  globalThis.htmx.process(fresh);
  if (current) fresh.querySelector(".queue-item[aria-current]")?.scrollIntoView({ block: "nearest" });
}

function askToRetry(title) {
  return new Promise((resolve) => {
    const toast = say(`No connection. Your decision about “${title}” is kept here.`, { stays: true });
    const button = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: "Send it now" });
    const again = () => {
      removeEventListener("online", again);
      toast.remove();
      resolve();
    };
    button.addEventListener("click", again);
    addEventListener("online", again);
    toast.append(button);
  });
}

/** A pick shows its value under "If matched" at once; the server decides on submit. */
function showPick(radio) {
  const row = radio.closest("tr");
  const byRule = radio.defaultChecked;
  const value = row.querySelector(".cmp-value");
  show(row, byRule ? value.dataset.result : radio.closest(".pick").querySelector(".pick-value").innerText.trim(), byRule);
}

function showTyped(input) {
  const row = input.closest("tr");
  const chosen = row.querySelector(".pick input:checked");
  if (input.value.trim()) show(row, input.value.trim(), false);
  else if (chosen) showPick(chosen);
  else show(row, row.querySelector(".cmp-value").dataset.result, true);
}

function show(row, text, byRule) {
  const why = row.querySelector(".cmp-why");
  row.querySelector(".cmp-value").textContent = text;
  why.dataset.rule ??= why.textContent;
  why.textContent = byRule ? why.dataset.rule : "Your pick, overrides the rule";
  why.classList.toggle("cmp-why--mine", !byRule);
}
