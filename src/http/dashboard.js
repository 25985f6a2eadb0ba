"use strict";

// ---- small helpers -------------------------------------------------------------------------------

const at = (id) => document.getElementById(id);

// element("td", {class: "number"}, "12", child, ...): text is only ever set as text.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function drawing(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${unit === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

const whole = new Intl.NumberFormat("en");
const count = (value) => whole.format(value);

function rate(value) {
  if (value >= 10000) return `${Math.round(value / 1000)} k/s`;
  return `${value >= 10 ? Math.round(value) : value.toFixed(1)}/s`;
}

function ago(ms) {
  if (ms < 1500) return `${Math.round(ms)} ms`;
  if (ms < 120000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7200000) return `${Math.round(ms / 60000)} min`;
  return `${Math.round(ms / 3600000)} h`;
}

const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");
// "2026-01-02 03:04:05" in the reader's time zone, as the command line prints it.
const date = (ms) => new Date(ms).toLocaleString("sv-SE");

async function ask(path) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 5000);
  try {
    const answer = await fetch(path, {signal: stop.signal, cache: "no-store"});
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error || `status ${answer.status}`);
    return body;
  } finally {
    clearTimeout(timer);
  }
}

// A name as text that cannot change how what is around it reads: what turns the direction, and
// control characters, are shown as marks.
const marked = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const clean = (name) => name.replace(marked, "\ufffd");
const named = (name) => element("bdi", {}, clean(name));

// Changes an element's text only if it differs, so that nothing is announced twice.
function say(id, text) {
  const target = at(id);
  if (target.textContent !== text) target.textContent = text;
}

function bar(share, label) {
  const inner = element("span");
  inner.style.width = `${Math.min(100, Math.max(0, share * 100))}%`;
  return element("div", {class: share > 0.9 ? "bar full" : "bar", role: "img", "aria-label": label}, inner);
}

// ---- what is now ---------------------------------------------------------------------------------

const marks = {ok: "✓", warning: "!", error: "✕", unknown: "…"};

function showHealth(level, sentence) {
  at("health").dataset.level = level;
  say("health-mark", marks[level] || marks.unknown);
  say("health-text", sentence);
  document.title = level === "ok" ? "SSDFS" : `${marks[level] || ""} SSDFS`;
}

function showFigures(status) {
  const used = status.nodes.reduce((sum, node) => sum + node.used_bytes, 0);
  const capacity = status.nodes.reduce((sum, node) => sum + node.capacity_bytes, 0);
  const live = status.nodes.filter((node) => node.connected && !/^(stale|dead)$/.test(node.state)).length;
  const rows = [
    ["Files", count(status.files), status.directories === 1 ? "1 directory" : `${count(status.directories)} directories`],
    ["Content", bytes(status.bytes), "one copy"],
    ["Stored", bytes(used), capacity ? `of ${bytes(capacity)}` : "all copies"],
    ["Datanodes", `${live} of ${status.nodes.length}`, "answer"],
    ["Too few copies", count(status.under_replicated),
      status.one_rack ? `volumes; ${count(status.one_rack)} in one rack` : "volumes"],
    ["Unreadable", count(status.missing), `chunks; ${count(status.corrupt)} damaged records`],
  ];
  at("figures").replaceChildren(...rows.map(([term, value, note]) =>
    element("div", {}, element("dt", {}, term), element("dd", {}, value, element("small", {}, note)))));
}

function nodeState(node) {
  if (node.state === "live" && !node.connected) return ["no answer", "bad"];
  if (node.state === "live") return node.failed_disks ? ["disk failed", "bad"] : ["live", "good"];
  return [node.state, node.state === "dead" ? "bad" : "odd"];
}

function showNodes(nodes) {
  const rows = [...nodes].sort((a, b) => a.name.localeCompare(b.name, "en", {numeric: true})).map((node) => {
    const [state, kind] = nodeState(node);
    const share = node.capacity_bytes ? node.used_bytes / node.capacity_bytes : 0;
    const text = `${bytes(node.used_bytes)} of ${bytes(node.capacity_bytes)}`;
    return element("tr", {},
      element("td", {}, named(node.name || node.node.slice(0, 8)), element("small", {}, `${node.address} ${node.rack}`)),
      element("td", {}, element("span", {class: `state ${kind}`}, state)),
      element("td", {}, bar(share, `${text} used`), element("small", {}, text)),
      element("td", {class: "number", "data-label": "volumes"}, count(node.volumes)),
      element("td", {class: "number", "data-label": "heard"}, ago(node.last_heartbeat_ms)));
  });
  at("nodes").tBodies[0].replaceChildren(...rows);
  at("nodes").hidden = rows.length === 0;
  at("no-nodes").hidden = rows.length > 0;
}

function showBackups(backups) {
  at("backups").replaceChildren(...(backups.length ? backups.map((b) => {
    const kind = b.state === "following" ? "good" : /^(catching up|comparing)$/.test(b.state) ? "odd" : "bad";
    const behind = b.lag_ms ? `${ago(b.lag_ms)} behind` : "holds every change";
    return element("li", {}, named(b.name || b.address), " ", element("span", {class: `state ${kind}`}, b.state),
      element("small", {class: "quiet"}, ` ${behind}, heard ${ago(b.last_heard_ms)} ago`));
  }) : [element("li", {class: "quiet"}, "None: there is one copy of the edits log.")]));
}

const conditionNames = {
  open: "open for writing", opening: "being opened", waiting_for_log: "waiting for the log",
  sealed_for_grants: "waiting for writers", sealed_for_members: "being sealed",
  sealed_without_copy: "copy is away", healthy: "closed and healthy", degraded: "too few copies",
  removing: "removing", comparing: "comparing copies", member_silent: "copy is away", missing: "unreadable",
};
const conditionName = (name) => conditionNames[name] || name.replaceAll("_", " ");

function showVolumes(conditions) {
  const all = Object.entries(conditions).filter(([, n]) => n > 0);
  const most = Math.max(1, ...all.map(([, n]) => n));
  at("volumes").replaceChildren(...(all.length ? all.map(([name, n]) =>
    element("li", {}, element("span", {}, conditionName(name)), bar(n / most * 0.9, `${n} volumes`),
      element("span", {}, count(n)))) : [element("li", {class: "quiet"}, "none yet")]));
}

function showRepairs(repairs, total) {
  at("no-repairs").hidden = repairs.length > 0;
  const rows = repairs.slice(0, 12).map((r) => {
    const onto = r.onto.length ? ` onto ${r.onto.join(", ")}` : "";
    const words = `Volume ${r.volume}: ${conditionName(r.condition)}, ${r.complete} of ${r.wanted} copies${onto}`;
    const row = element("li", {}, element("span", {}, words));
    if (r.onto.length && r.bytes) {
      row.append(element("progress", {max: r.bytes, value: Math.min(r.done_bytes, r.bytes), "aria-label": words}),
        element("small", {class: "quiet"}, `${bytes(r.done_bytes)} of ${bytes(r.bytes)}`));
    }
    return row;
  });
  if (total > rows.length) rows.push(element("li", {class: "quiet"}, `and ${count(total - rows.length)} more`));
  at("repairs").replaceChildren(...rows);
}

async function refreshStatus() {
  let status;
  try {
    status = await ask("api/v1/status");
  } catch (error) {
    showHealth("error", "The master does not answer.");
    return;
  }
  showHealth(status.health.level, status.health.sentence);
  say("cluster", `cluster ${status.cluster}, epoch ${status.epoch}, change ${count(Number(status.txid))}`);
  say("version", `ssdfs ${status.version}, up ${ago(status.at_ms - status.started_ms)}`);
  showFigures(status);
  showNodes(status.nodes);
  showBackups(status.backups);
  showVolumes(status.conditions);
  showRepairs(status.repairs, status.repairing);
}

// ---- over time -----------------------------------------------------------------------------------

function chart(title, tone, samples, value, format) {
  const values = samples.map(value);
  const most = Math.max(...values, 0);
  const top = most || 1;
  const last = values.length ? format(values[values.length - 1]) : "–";
  const x = (i) => values.length < 2 ? 100 : i * 100 / (values.length - 1);
  const y = (v) => 38 - 36 * v / top;
  const points = values.map((v, i) => `${x(i).toFixed(2)},${y(v).toFixed(2)}`).join(" ");
  const picture = drawing("svg", {class: `chart tone-${tone}`, viewBox: "0 0 100 40", preserveAspectRatio: "none",
    role: "img", "aria-label": `${title}: now ${last}, at most ${format(most)}`},
  drawing("line", {class: "grid", x1: 0, x2: 100, y1: 38, y2: 38}),
  drawing("line", {class: "grid", x1: 0, x2: 100, y1: 2, y2: 2}));
  if (values.length > 1) {
    picture.append(drawing("polygon", {class: "area", points: `0,38 ${points} 100,38`}),
      drawing("polyline", {class: "curve", points}));
  }
  const since = samples.length ? clock(samples[0].at_ms) : "";
  return element("figure", {}, element("figcaption", {}, title, element("b", {}, last)), picture,
    element("div", {class: "axis", "aria-hidden": "true"}, element("span", {}, since),
      element("span", {}, `top ${format(most)}`)));
}

async function refreshHistory() {
  let samples;
  try {
    samples = (await ask("api/v1/history")).samples;
  } catch (error) {
    return; // the health line says so
  }
  at("charts").replaceChildren(
    chart("Stored, all copies", "blue", samples, (s) => s.used_bytes, bytes),
    chart("Files looked up", "teal", samples, (s) => s.reads, rate),
    chart("Files stored", "amber", samples, (s) => s.writes, rate),
    chart("Other metadata", "blue", samples, (s) => s.metadata, rate));
}

// ---- events --------------------------------------------------------------------------------------

let lastEvent = 0;

async function refreshEvents() {
  let list;
  try {
    list = (await ask(`api/v1/events?after=${lastEvent}`)).events;
  } catch (error) {
    lastEvent = 0; // a restarted master counts anew
    return;
  }
  if (lastEvent === 0) at("events").replaceChildren();
  for (const event of list) {
    lastEvent = Math.max(lastEvent, event.number);
    const severity = event.severity === "info" ? null :
      element("span", {class: "severity"}, event.severity === "error" ? "Error: " : "Warning: ");
    at("events").prepend(element("li", {},
      element("time", {datetime: new Date(event.at_ms).toISOString(), title: date(event.at_ms)},
        clock(event.at_ms)),
      element("span", {"data-severity": event.severity}, severity, clean(event.text))));
  }
  while (at("events").children.length > 50) at("events").lastElementChild.remove();
  at("no-events").hidden = at("events").children.length > 0;
}

// ---- files ---------------------------------------------------------------------------------------

const pictures = /\.(png|jpe?g|gif|webp|avif|svg|bmp|ico)$/i;
let shown = {path: null, after: "", turn: 0};

const join = (directory, name) => (directory === "/" ? "/" : `${directory}/`) + name;
const encoded = (path) => path.split("/").map(encodeURIComponent).join("/");
const content = (path) => `fs${encoded(path)}`;

function pathInAddress() {
  let hash = location.hash.slice(1);
  try {
    hash = decodeURIComponent(hash);
  } catch (error) {
    // typed by hand, a percent sign that stands for itself
  }
  return hash.startsWith("/") ? hash.replace(/(.)\/+$/, "$1") : "/";
}

function showCrumbs(path) {
  const parts = path.split("/").filter(Boolean);
  const items = [element("li", {}, element("a", {href: "#/"}, "root"))];
  parts.forEach((part, i) => {
    const to = `#/${parts.slice(0, i + 1).map(encodeURIComponent).join("/")}`;
    const last = i === parts.length - 1;
    items.push(element("li", {}, element("a", {href: to, "aria-current": last ? "page" : null}, named(part))));
  });
  at("crumbs").replaceChildren(...items);
}

function entryTile(directory, entry) {
  const path = join(directory, entry.name);
  if (entry.type === "directory") {
    return element("li", {}, element("a", {href: `#${encoded(path)}`, title: clean(entry.name)},
      element("span", {class: "thumb", "aria-hidden": "true"}, "directory"),
      element("span", {class: "name"}, named(entry.name), "/")));
  }
  const thumb = element("span", {class: "thumb"});
  if (pictures.test(entry.name) && entry.size > 0 && entry.size <= 4 << 20) {
    const image = element("img", {src: content(path), alt: "", loading: "lazy", decoding: "async"});
    image.addEventListener("error", () => thumb.replaceChildren("no preview"));
    thumb.append(image);
  } else {
    thumb.append((entry.name.match(/\.([a-z0-9]{1,6})$/i) || ["", "file"])[1]);
  }
  const tile = element("a", {href: content(path), title: clean(entry.name)}, thumb,
    element("span", {class: "name"}, named(entry.name)),
    element("small", {}, bytes(entry.size)));
  tile.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    showDetails(path);
  });
  return element("li", {}, tile);
}

async function showDirectory(path, more) {
  const turn = ++shown.turn;
  if (!more) showCrumbs(path);
  const after = more ? shown.after : "";
  try {
    const page = await ask(`api/v1/list?path=${encodeURIComponent(path)}&after=${encodeURIComponent(after)}&limit=120`);
    if (turn !== shown.turn) return; // another one was asked for meanwhile
    if (!more) at("entries").replaceChildren();
    at("entries").append(...page.entries.map((entry) => entryTile(path, entry)));
    if (!more && page.entries.length === 0) at("entries").append(element("li", {class: "quiet"}, "empty"));
    shown = {path, after: page.entries.length ? page.entries[page.entries.length - 1].name : "", turn};
    at("more").hidden = !page.more;
    at("files-error").hidden = true;
  } catch (error) {
    if (turn !== shown.turn) return;
    at("files-error").hidden = false;
    say("files-error", `${clean(path)}: ${error.message}`);
    if (!more) at("entries").replaceChildren();
    at("more").hidden = true;
  }
}

function chunkTable(file) {
  const rows = file.chunks.map((chunk, i) => element("tr", {},
    element("td", {}, `${i + 1}`),
    element("td", {class: "copies"}, chunk.nodes.map((n) =>
      clean(n.name || n.address) + (n.connected ? "" : " (no answer)")).join(", ") || "nowhere now"),
    element("td", {class: "number"}, bytes(chunk.size)),
    element("td", {}, element("code", {}, `${chunk.volume} / ${chunk.key}`)),
    element("td", {}, element("code", {}, chunk.crc32c))));
  const head = element("tr", {}, ...["Chunk", "Copies on", "Size", "Volume / key", "CRC32C"].map((text) =>
    element("th", {scope: "col", class: text === "Size" ? "number" : null}, text)));
  return element("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Chunks"},
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

async function showDetails(path) {
  let file;
  try {
    file = await ask(`api/v1/stat?path=${encodeURIComponent(path)}`);
  } catch (error) {
    at("files-error").hidden = false;
    say("files-error", `${clean(path)}: ${error.message}`);
    return;
  }
  const facts = [
    ["Size", `${count(file.size)} bytes`], ["CRC32C", file.crc32c], ["Copies wanted", `${file.replication}`],
    ["Modified", date(file.mtime_ms)], ["Owner", `${file.owner}:${file.group} ${file.mode}`],
    ["Type", file.content_type || "by name"],
  ];
  const body = [element("dl", {}, ...facts.flatMap(([term, value]) =>
    [element("dt", {}, term), element("dd", {}, value)]))];
  if (pictures.test(path) && file.size > 0) {
    body.unshift(element("img", {src: content(path), alt: `The picture ${clean(file.name)}`}));
  }
  if (file.chunks.length) body.push(chunkTable(file));
  if (file.chunk_count > file.chunks.length) {
    body.push(element("p", {class: "quiet"}, `and ${file.chunk_count - file.chunks.length} more chunks`));
  }
  body.push(element("p", {}, element("a", {href: content(path)}, "Open the file")));
  say("details-title", clean(path));
  at("details-body").replaceChildren(...body);
  at("details").showModal();
}

// ---- life ----------------------------------------------------------------------------------------

// Runs `work` again and again, `pause` ms after it has ended, while somebody looks.
function repeat(work, pause) {
  const turn = async () => {
    if (!document.hidden) await work();
    setTimeout(turn, pause);
  };
  turn();
}

window.addEventListener("hashchange", () => showDirectory(pathInAddress(), false));
at("more").addEventListener("click", () => showDirectory(shown.path, true));
repeat(refreshStatus, 1000);
repeat(refreshHistory, 5000);
repeat(refreshEvents, 2000);
showDirectory(pathInAddress(), false);
