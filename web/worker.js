// The worker: one model open at a time, one picture after the other. It opens no connection: the
// page fetches runtime and model, since its policy binds the page and not a worker.

import * as ort from "./runtime/ort.wasm.min.mjs";
import { formatOf, isCut } from "./containers.js";
import { canReadPixels, ImageFailure, inputOf, opened, thumbnailOf } from "./pixels.js";
import { ruleOf, specOf } from "./spec.js";
import { doubtOf, labelOf, P_AI_DECIMALS } from "./verdict.js";

const MAX_BYTES = 512 * 1024 * 1024; // as infer/images/limits.py
const MOST_THREADS = 4;
const UNDECODED = new Set(["TIFF", "HEIF"]);
const CONNECTIONS = ["fetch", "XMLHttpRequest", "WebSocket", "WebSocketStream", "WebTransport",
                     "EventSource", "importScripts"];

let session, spec, rule;

self.onmessage = async ({ data: { id, task, ...values } }) => {
  try {
    self.postMessage({ id, value: await TASKS[task](values) });
  } catch (error) {
    self.postMessage({ id, error: String(error?.message ?? error) });
  }
};

const TASKS = { start, open, judge };

/** Take the runtime's code; refuse a browser that gives no true pixels. */
async function start({ wasm }) {
  if (!canReadPixels())
    throw new Error("this browser changes the pixels that pages read, and has no ImageDecoder; switch that off for this page");
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.wasmPaths = new URL("./runtime/", import.meta.url).href;
  const cores = Math.min(MOST_THREADS, navigator.hardwareConcurrency);
  ort.env.wasm.numThreads = self.crossOriginIsolated ? cores : 1;
  return { threads: ort.env.wasm.numThreads };
}

/** Open a model; return its name and its limits. */
async function open({ model }) {
  const bytes = new Uint8Array(model);
  const next = await specOf(bytes);
  await session?.release();
  session = undefined;
  session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  spec = next;
  rule = ruleOf(spec);
  takeAway(CONNECTIONS);
  return { name: spec.name, rule };
}

/** Take away the functions that open connections, before the first picture comes. */
function takeAway(names) {
  for (let place = self; place !== null; place = Object.getPrototypeOf(place))
    for (const name of names) delete place[name];
}

/** Return a file's row and thumbnail; a file that cannot be judged has a row with the reason. */
async function judge({ file }) {
  const row = { status: "ok", bytes: file.size, format: "", error: "", note: "" };
  let picture;
  try {
    const bytes = await contentOf(file);
    row.format = formatOf(bytes);
    check(bytes, row.format);
    picture = await opened(file, bytes, row.format);
    Object.assign(row, { width: picture.width, height: picture.height });
    const [height, width] = spec.input_size;
    const pixels = inputOf(picture, height, width, spec.views);
    row.note = doubtOf(picture, pixels, height, width);
    const axes = spec.views.length > 1 ? [spec.views.length] : [];
    const input = new ort.Tensor("uint8", pixels, [1, ...axes, height, width, 3]);
    const { p_ai: output } = await session.run({ images: input }, ["p_ai"]);
    row.pAi = Number(output.data[0].toFixed(P_AI_DECIMALS));
    row.verdict = labelOf(row.pAi, row.note, rule);
    return { row, thumbnail: await thumbnailOf(picture) };
  } catch (error) {
    if (!(error instanceof ImageFailure)) throw error;
    return { row: { ...row, status: error.status, error: error.message } };
  } finally {
    picture?.bitmap.close();
  }
}

async function contentOf(file) {
  if (file.size > MAX_BYTES)
    throw new ImageFailure("too_large", `${file.size} bytes, limit ${MAX_BYTES}`);
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    throw new ImageFailure("unreadable", error.message);
  }
}

function check(bytes, format) {
  if (bytes.length === 0) throw new ImageFailure("not_an_image", "the file is empty");
  if (!format) throw new ImageFailure("not_an_image", "no supported image format");
  if (UNDECODED.has(format))
    throw new ImageFailure("unsupported", `browsers do not decode ${format}; use scan-folder`);
  if (isCut(bytes, format)) throw new ImageFailure("truncated", "the end of the file is missing");
}
