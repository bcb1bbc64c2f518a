// The review workplace: picks show at once, and a decision brings the next pair at once: it was fetched beforehand.
import { onKey } from "./keys.js";
import { say, take } from "./toasts.js";

const AHEAD = { "HX-Request": "true", Purpose: "prefetch" };
const FRESH = 60_000; // ms that a pair fetched beforehand may be old
const WHOLE = { swapStyle: "innerHTML" };

let ahead = { address: "", html: "", at: 0 };
let sending = Promise.resolve();
let unsent = 0;

document.addEventListener("change", (event) => {
  if (event.target.matches?.(".pick input[type=radio]")) showPick(event.target);
});
document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-other] input:not([type=radio], [type=date])")) showTyped(event.target);
});
onKey((key) => {
  const row = document.activeElement?.closest("tr") ?? document.querySelector("tr:has([data-other])");
  const other = key === "e" && row?.querySelector("[data-other]");
  if (!other) return false;
  other.open = true;
  other.querySelector("input").focus();
  return true;
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "main") fetchAhead();
});
addEventListener("load", fetchAhead);
addEventListener("beforeunload", (event) => {
  if (unsent) event.preventDefault();
});

// One thing after the other: what is posted waits for decisions that are still being sent; undo takes back the last of them.
document.addEventListener("htmx:confirm", (event) => {
  const { elt, verb, issueRequest, triggeringEvent } = event.detail;
  if (verb !== "post" || !unsent || !elt.closest("#main") || goesOn(elt, triggeringEvent?.submitter?.value)) return;
  event.preventDefault();
  sending.then(() => issueRequest(true));
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig: asked } = event.detail;
  if (event.defaultPrevented || !goesOn(elt, asked.formData.get("decision"))) return; // htmx asks, waits and swaps
  event.preventDefault();
  decide(asked, elt.querySelector("h1").textContent);
});

/** Whether this decides a pair for good, and what comes after it is here. */
function goesOn(elt, decision) {
  if (!elt.matches("[data-pair]") || (decision === "reject" && Number(elt.dataset.candidates) > 1)) return false;
  return ahead.html && ahead.address === elt.dataset.upcoming && performance.now() - ahead.at < FRESH;
}

/** What comes up after this pair, as soon as the browser has nothing else to do. */
function fetchAhead() {
  const address = document.querySelector("[data-pair]")?.dataset.upcoming;
  if (!address) return;
  ahead = { address, html: "", at: 0 };
  const fetchIt = async () => {
    try {
      const answer = await fetch(address, { headers: AHEAD });
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
  history.replaceState({ htmx: true }, ""); // so that going back asks for this pair anew
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
  const went = answer.ok && answer.headers.get("HX-Push-Url") === address;
  if (still && !went && (answer.ok || answer.status === 409 || answer.status === 422)) {
    globalThis.htmx.swap("#main", html, WHOLE);
    history.replaceState({ htmx: true }, "", answer.headers.get("HX-Push-Url") ?? path(answer));
  } else if (answer.ok) {
    if (still) refreshQueue(parsed);
    take(parsed);
  } else {
    say(`${title}: not decided. ${parsed.querySelector("[data-toast]")?.textContent.trim() ?? ""}`, { bad: true });
  }
}

function path(answer) {
  return new URL(answer.url).pathname.replace(/decide\/$/, "") + location.search;
}

function refreshQueue(parsed) {
  const fresh = parsed.getElementById("queue");
  const old = document.getElementById("queue");
  if (!fresh || old.contains(document.activeElement) || old.querySelector(":popover-open")) return;
  old.replaceWith(document.adoptNode(fresh));
  globalThis.htmx.process(fresh);
  fresh.querySelector(".queue-item[aria-current]")?.scrollIntoView({ block: "nearest" });
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
