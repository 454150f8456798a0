// The page: files in, cards and a CSV out. All pixels are the worker's business.

import { filesOf, filesOfDrop } from "./files.js";
import { csvOf, escapedPath } from "./rows.js";

const byId = (id) => document.getElementById(id);
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
const rows = [];
const KINDS = ["ai", "unsure", "real", "failed"];
const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
let nextId = 0, found = 0, done = 0, leftOut = 0, about = "", queue = Promise.resolve();
let generation = 0;

worker.onmessage = ({ data: { id, value, error } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) resolve(value);
  else reject(new Error(error));
};
worker.onerror = () => tell("the worker cannot start: is runtime/ complete?");

/** Have the worker do something; return its answer. */
function ask(task, values, transferred = []) {
  return new Promise((resolve, reject) => {
    waiting.set(++nextId, { resolve, reject });
    worker.postMessage({ id: nextId, task, ...values }, transferred);
  });
}

async function fetched(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} cannot be loaded (${response.status})`);
  return response;
}

async function start() {
  const { models } = await (await fetched("models.json")).json();
  byId("model").replaceChildren(...models.map(({ name, file, bytes }) =>
    new Option(`${name} (${(bytes / 1e6).toFixed(0)} MB)`, file)));
  byId("state").textContent = "Loading the runtime…";
  const wasm = await (await fetched("runtime/ort-wasm-simd-threaded.wasm")).arrayBuffer();
  const { threads } = await ask("start", { wasm }, [wasm]);
  about = threads === 1 ? "one thread" : `${threads} threads`;
  await openModel();
}

async function openModel() {
  const option = byId("model").selectedOptions[0];
  byId("state").textContent = `Loading the model ${option.text}…`;
  const model = await (await fetched(option.value)).arrayBuffer();
  const { name, rule } = await ask("open", { model }, [model]);
  const limits = `ai from p_ai ${rule.ai.toFixed(4)}, real below ${rule.real.toFixed(4)}`;
  byId("model").title = `${name}: ${limits}`;
  byId("state").dataset.ready = option.value;
  show();
}

/** Do something after everything that was asked for before it. */
function enqueue(step) {
  queue = queue.then(step).catch((error) => tell(error.message));
}

function add(files) {
  found += files.taken.length;
  leftOut += files.leftOut;
  const own = generation;
  for (const { file, path } of files.taken)
    enqueue(async () => {
      if (own !== generation) return;
      const { row, thumbnail } = await judged(file);
      if (own !== generation) return;
      rows.push({ path, ...row });
      byId("results").append(cardOf(rows.at(-1), thumbnail));
      counts[row.verdict ?? "failed"]++;
      done++;
      show();
    });
  show();
}

async function judged(file) {
  try {
    return await ask("judge", { file });
  } catch (error) {
    const row = { status: "corrupt", bytes: file.size, format: "", error: error.message, note: "" };
    return { row };
  }
}

function show() {
  const title = byId("model").title;
  const left = leftOut ? `; ${leftOut} files left out, their names are not those of pictures` : "";
  byId("state").textContent = found ? `${done} of ${found} pictures judged${left}. ${title}.`
    : `Ready, in ${about}${left}. ${title}.`;
  byId("counts").hidden = byId("results-title").hidden = !found;
  for (const kind of KINDS) byId(`count-${kind}`).textContent = counts[kind];
  byId("csv").disabled = !done;
  byId("clear").disabled = !found;
}

function cardOf(row, thumbnail) {
  const card = element("li");
  const photo = card.appendChild(element("div", "photo"));
  const kind = row.verdict ?? row.status;
  if (thumbnail) {
    const picture = photo.appendChild(new Image());
    picture.src = URL.createObjectURL(thumbnail);
    picture.alt = `${escapedPath(row.path)}: ${kind} ${row.pAi.toFixed(4)}`;
  } else photo.append(element("span", "gone", "no picture"));
  const what = card.appendChild(element("div", "what"));
  what.append(element("span", `dot ${row.verdict ?? "failed"}`), element("span", "", kind));
  if (row.pAi !== undefined) what.append(element("b", "", row.pAi.toFixed(4)));
  card.append(element("bdi", "name", escapedPath(row.path)));
  if (row.note || row.error) card.append(element("small", "", row.note || row.error));
  return card;
}

function element(name, kind = "", text = "") {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

function tell(text) {
  byId("trouble").hidden = false;
  byId("trouble").textContent = text;
}

function clear() {
  generation++;
  for (const picture of byId("results").querySelectorAll("img")) URL.revokeObjectURL(picture.src);
  byId("results").replaceChildren();
  rows.length = found = done = leftOut = 0;
  for (const kind of KINDS) counts[kind] = 0;
  byId("trouble").hidden = true;
  show();
}

function download() {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([csvOf(rows)], { type: "text/csv" }));
  link.download = "results.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

for (const id of ["files", "folder"])
  byId(id).addEventListener("change", ({ target }) => {
    add(filesOf(target.files));
    target.value = ""; // the same files may be chosen again
  });
const drop = document.body;
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  byId("drop").classList.add("over");
});
drop.addEventListener("dragleave", () => byId("drop").classList.remove("over"));
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  byId("drop").classList.remove("over");
  try {
    add(await filesOfDrop(event.dataTransfer));
  } catch (error) {
    tell(`what was dropped cannot be read: ${error.message}`);
  }
});
byId("csv").addEventListener("click", download);
byId("clear").addEventListener("click", clear);
byId("model").addEventListener("change", () => {
  clear(); // one list has the verdicts of one model
  enqueue(openModel);
});
enqueue(start);
