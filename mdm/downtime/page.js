"use strict";
// Looks codes up in the blocks of data that this page holds. No network, no storage, no code of anybody else's.

const byId = (id) => document.getElementById(id);
const {about, systems: rows, records: firstIds, index: firstCodes} = JSON.parse(byId("directory").textContent);
const systems = new Map(rows.map(([id, slug, name, domain, normaliser]) => [id, {id, slug, name, domain, normaliser}]));
const madeAt = new Date(about.made_at), expiresAt = new Date(about.expires_at);
const BY_ID = 0, MOST = 50, HOUR = 3600e3;
const CLOCKS_DIFFER = 15 * 60e3;

// ------------------------------------------------------------------------------------------------------------- data
async function block(name) {
  const packed = Uint8Array.from(atob(byId(name).textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

// By code points, as the blocks are sorted; JavaScript itself would compare halves of surrogate pairs.
function compare(one, two) {
  const a = [...one], b = [...two];
  for (let n = 0; n < Math.min(a.length, b.length); n++) if (a[n] !== b[n]) return a[n].codePointAt(0) - b[n].codePointAt(0);
  return a.length - b.length;
}

// The last of `firsts` that is not after what is sought; -1 if all are.
function last(firsts, isAfter) {
  let low = 0, high = firsts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isAfter(firsts[middle])) high = middle; else low = middle + 1;
  }
  return low - 1;
}

async function recordsOf(system, code) {
  const isAfter = ([s, c]) => s !== system ? s > system : compare(c, code) > 0;
  const at = last(firstCodes, isAfter);
  if (at < 0) return [];
  const entries = await block(`i${at}`);
  const entry = entries[last(entries, isAfter)];
  return entry[0] === system && entry[1] === code ? entry.slice(2) : [];
}

async function record(id) {
  const found = await block(`r${last(firstIds, (first) => first > id)}`);
  return read(found.find((one) => one[0] === id));
}

function read([id, publicId, domain, status, name, codes, factors, standing]) {
  return {
    id, publicId, domain, status, name,
    codes: codes.map(([number, system, code, uom, preferred, from, to]) => ({number, system: systems.get(system), code, uom, preferred, from, to})),
    factors: new Map(factors.map(([one, other, factor, why]) => [`${one} ${other}`, {factor, why}])),
    standing: standing.map(([other, name, factor, site, from, to, reason, replaces]) => ({other, name, factor, site, from, to, reason, replaces})),
  };
}

// As each code system writes its codes: mdm.models.code_system.CodeSystem.normalise.
function normalise(how, text) {
  const trimmed = text.replace(/^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/g, "");
  if (how === "digits" || how === "gtin") {
    const digits = trimmed.replace(/\P{Nd}/gu, "");
    return how === "gtin" && [8, 12, 13, 14].includes(digits.length) ? digits.padStart(14, "0") : digits;
  }
  if (how === "alnum") return trimmed.replace(/[^\p{L}\p{N}]/gu, "").toUpperCase();
  return how === "upper" ? trimmed.split(/[\s\x1c-\x1f\x85]+/).join(" ").toUpperCase() : trimmed;
}

// By Concord's clock, as its own answers; by this computer's in a browser that doesn't know the time zone.
function calendar(timeZone) {
  const parts = {year: "numeric", month: "2-digit", day: "2-digit"};
  try { return new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {...parts, timeZone}); }
  catch { return new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", parts); }
}

const days = calendar(about.time_zone);

function today() {
  const {year, month, day} = Object.fromEntries(days.formatToParts().map(({type, value}) => [type, value]));
  return `${year}-${month}-${day}`;
}

const holds = ({from, to}) => (!from || from <= today()) && (!to || to > today());

// --------------------------------------------------------------------------------------------------------------- age
function span(milliseconds) {
  const hours = milliseconds / HOUR;
  const [number, unit] = hours < 1 ? [milliseconds / 60e3, "minute"] : hours < 48 ? [hours, "hour"] : [hours / 24, "day"];
  return `${Math.floor(number)} ${unit}${Math.floor(number) === 1 ? "" : "s"}`;
}

const when = (instant) => instant.toLocaleString(undefined, {dateStyle: "medium", timeStyle: "short"});

// Says how old the pack is; true if it may be believed. A page that stays open grows old, so it is asked again and again.
function inDate() {
  const now = Date.now();
  const expired = now >= expiresAt, wrong = now < madeAt - CLOCKS_DIFFER;
  const good = !expired && !wrong;
  byId("form").hidden = !good;
  byId("alarm").hidden = good;
  if (expired) byId("alarm").textContent = `EXPIRED ${span(now - expiresAt)} ago, on ${when(expiresAt)}. Codes may mean something else by now, so this page answers nothing any more. Get a newer pack, or ask somebody who has one.`;
  if (wrong) byId("alarm").textContent = `This computer's clock says ${when(new Date(now))}, but this pack was made later, on ${when(madeAt)}. While the clock is wrong nobody can tell whether the pack has expired. Set the clock, then open the page again.`;
  if (!good) { byId("results").replaceChildren(); byId("found").textContent = ""; }
  document.title = expired ? "EXPIRED: Concord downtime lookup" : "Concord downtime lookup";
  const late = now - madeAt > 2 * about.every_hours * HOUR;
  byId("age").toggleAttribute("data-late", late && good);
  byId("age").textContent = `As of ${when(madeAt)}, ${span(Math.max(now - madeAt, 0))} ago. ` + (good ? `Expires in ${span(expiresAt - now)}, on ${when(expiresAt)}.` : "") + (late && good ? " There should be a newer pack." : "");
  return good;
}

// -------------------------------------------------------------------------------------------------------------- show
function make(tag, content, name) {
  const made = document.createElement(tag);
  made.append(...[content ?? ""].flat());
  if (name) made.className = name;
  return made;
}

function table(heads, lines) {
  const head = make("tr", heads.map((text) => Object.assign(make("th", text), {scope: "col"})));
  const scroll = make("div", make("table", [make("thead", head), make("tbody", lines.map((cells) => make("tr", cells)))]), "scroll");
  return scroll;
}

const validity = ({from, to}) => [from && `from ${from}`, to && `until ${to}`].filter(Boolean).join(" ");

// "4711 is counted in BX; the other in EA: 1 BX = 12 EA", or why there is no factor.
function factorCell(one, asked, other) {
  if (!asked || other.system === asked.system || one.domain !== "item") return make("td");
  const known = one.factors.get(`${asked.number} ${other.number}`) ?? {factor: "1"};
  if (known.factor === null) return make("td", known.why);
  return make("td", `1 ${asked.uom || "of it"} = ${known.factor} ${other.uom || "of these"}`);
}

function show(one, asked, to) {
  const item = make("li");
  item.tabIndex = -1;
  item.append(make("h2", one.name || one.publicId), make("p", [make("span", one.publicId, "code"), ` · ${one.domain.replace("_", " ")} · ${one.status}`]));
  if (one.status === "retired") item.append(make("p", "This record is retired.", "warn"));
  const codes = one.codes.filter((code) => holds(code) && (!to || code.system.id === to || code === asked));
  const lines = codes.map((code) => [
    make("td", code.system.slug),
    make("td", make("span", code.code, code === asked ? "code asked" : "code")),
    make("td", code.uom), factorCell(one, asked, code), make("td", [code.preferred ? "preferred" : "", validity(code)].filter(Boolean).join(", ")),
  ]);
  if (lines.length) item.append(table(["System", "Code", "Unit", "Factor", "Note"], lines));
  if (to && !codes.some((code) => code.system.id === to)) item.append(make("p", `${systems.get(to).slug} has no code for it.`, "warn"));
  for (const [title, replaces] of [["May be used instead", 0], ["May be used in place of", 1]]) {
    const standing = one.standing.filter((other) => other.replaces === replaces && holds(other));
    if (standing.length) item.append(make("h3", title), table(["Item", "Factor", "Where", "Why"], standing.map((other) => [
      make("td", [make("span", other.other, "code"), ` ${other.name}`]), make("td", other.factor), make("td", other.site ?? "everywhere"), make("td", [other.reason, validity(other)].filter(Boolean).join(", ")),
    ])));
  }
  return item;
}

// ---------------------------------------------------------------------------------------------------------- questions
let latest = 0; // a newer question ends an older one

async function byCode(text, only) {
  const asked = only ? [systems.get(only)] : [...systems.values()];
  const hits = [];
  for (const system of asked) {
    const code = normalise(system.normaliser, text);
    for (const id of code ? await recordsOf(system.id, code) : []) {
      const one = await record(id);
      const own = one.codes.find((each) => each.system === system && each.code === code && holds(each));
      if (own) hits.push({one, own});
    }
  }
  if (!only) for (const id of await recordsOf(BY_ID, text.trim().toUpperCase())) hits.push({one: await record(id)});
  return hits;
}

async function byWords(text, question, found) {
  const words = text.toUpperCase().split(/\s+/).filter(Boolean);
  for (let n = 0; n < firstIds.length && question === latest && found.length < MOST; n++) {
    const some = (await block(`r${n}`)).filter(([, , , , name]) => words.every((word) => name.toUpperCase().includes(word)));
    found.push(...some.slice(0, MOST - found.length).map((one) => ({one: read(one)})));
  }
  return found;
}

async function ask() {
  const question = ++latest;
  const text = byId("text").value, only = Number(byId("system").value), to = Number(byId("to").value);
  byId("results").replaceChildren();
  if (!inDate() || !text.trim()) { byId("found").textContent = ""; return; }
  byId("found").textContent = "Looking …";
  let hits = await byCode(text, only), said = "";
  if (!hits.length && !only) {
    hits = await byWords(text, question, []);
    said = hits.length === MOST ? ` The first ${MOST} records whose names have these words; more words find less.` : " Found by the words of the name.";
  }
  if (question !== latest) return;
  const ids = new Set(hits.map(({one}) => one.id));
  const shared = hits[0]?.own && new Set(hits.map(({own}) => own?.system)).size === 1 && ids.size > 1;
  byId("found").textContent = !hits.length ? `Nothing is known by “${text.trim()}”${only ? ` in ${systems.get(only).slug}` : ""}.`
    : shared ? `${ids.size} records share this code: choose by what they are.`
    : `${ids.size} record${ids.size === 1 ? "" : "s"}.${said}`;
  byId("results").replaceChildren(...hits.map(({one, own}) => show(one, own, to)));
}

function move(event) {
  const items = [...byId("results").children], at = items.indexOf(document.activeElement.closest("li"));
  if (event.key === "/" && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) byId("text").select();
  else if (event.key === "ArrowDown" && items.length && document.activeElement.tagName !== "SELECT") items[Math.min(at + 1, items.length - 1)].focus();
  else if (event.key === "ArrowUp" && at >= 0) (items[at - 1] ?? byId("text")).focus();
  else return;
  event.preventDefault();
}

function start() {
  byId("place").textContent = about.site ? `${about.site.name} (${about.site.id})` : "the whole network";
  for (const name of ["system", "to"]) for (const {id, slug, name: owner} of systems.values()) byId(name).append(new Option(`${slug} (${owner})`, id));
  byId("footer").textContent = `Pack ${about.serial}: ${about.records.toLocaleString()} records, ${about.codes.toLocaleString()} codes. Signed with the key ${about.key}; check it with “manage.py verify_pack”.`;
  byId("form").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  for (const name of ["system", "to"]) byId(name).addEventListener("change", ask);
  document.addEventListener("keydown", move);
  setInterval(inDate, 30e3);
  if (inDate()) byId("text").focus();
}

if (typeof DecompressionStream === "undefined") byId("alarm").textContent = "This browser is too old to read the pack. Use Chrome, Edge or Firefox 113, Safari 16.4 or newer.";
else start();
