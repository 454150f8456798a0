// A model's specification, from the metadata of its ONNX file.

const KEY = "trustthepixels.spec";
const DIGEST_KEY = "trustthepixels.spec.sha256";
const SCHEMA_VERSION = 2;
const METADATA_PROPS = 14; // onnx.proto, ModelProto
const VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5; // wire types of protobuf

/** Return the specification in the bytes of an ONNX file; throw if there is none to use. */
export async function specOf(bytes) {
  const metadata = metadataOf(bytes);
  const text = metadata.get(KEY);
  if (text === undefined) throw new Error("the model has no trustthepixels specification");
  // Pages of plain HTTP from another computer cannot compute it.
  if (self.crypto.subtle && (await digestOf(text)) !== metadata.get(DIGEST_KEY))
    throw new Error("the model's specification is damaged");
  const spec = JSON.parse(text);
  if (spec.schema_version !== SCHEMA_VERSION)
    throw new Error(`the model's specification has schema version ${spec.schema_version}`);
  if (spec.resize !== "stretch" || spec.interpolation !== "bilinear-antialias")
    throw new Error(`unknown preprocessing ${spec.resize}/${spec.interpolation}`);
  spec.views ??= ["whole"];
  if (!["whole", "whole,part"].includes(spec.views.join()))
    throw new Error(`unknown views ${spec.views}`);
  return spec;
}

/** Return the thresholds in force and the names of the verdicts. */
export function ruleOf(spec) {
  const { ai, default_false_positive_rate: rate, real } = spec.thresholds;
  const { threshold } = ai.find((point) => Math.abs(point.false_positive_rate - rate) < 1e-9);
  return { ai: threshold, real: Math.min(real, threshold), labels: spec.labels };
}

/** Return the SHA-256 of a text in hexadecimal digits. */
async function digestOf(text) {
  const digest = await self.crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function metadataOf(bytes) {
  const found = new Map();
  for (const [field, entry] of fieldsOf(bytes)) {
    if (field !== METADATA_PROPS) continue;
    const [key, value] = [1, 2].map((wanted) =>
      fieldsOf(entry).filter(([number]) => number === wanted).map(([, text]) => text)[0]);
    const decoder = new TextDecoder();
    if (key) found.set(decoder.decode(key), decoder.decode(value ?? new Uint8Array()));
  }
  return found;
}

/** Return number and content of all fields of a message that hold bytes. */
function fieldsOf(bytes) {
  const found = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      if (at >= bytes.length) throw new Error("the model is not an ONNX file");
      const byte = bytes[at++];
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === VARINT) varint();
    else if (kind === FIXED64) at += 8;
    else if (kind === FIXED32) at += 4;
    else if (kind === BYTES) {
      const size = varint();
      found.push([Math.floor(tag / 8), bytes.subarray(at, at + size)]);
      at += size;
    } else throw new Error("the model is not an ONNX file");
    if (at > bytes.length) throw new Error("the model's file is cut short");
  }
  return found;
}
