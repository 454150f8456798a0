// Structure of image files: their format, their parts, and whether their end is there.

const MAGIC = [
  ["JPEG", (start) => start.startsWith("\xff\xd8\xff")],
  ["PNG", (start) => start.startsWith("\x89PNG\r\n\x1a\n")],
  ["WEBP", (start) => start.startsWith("RIFF") && start.slice(8, 12) === "WEBP"],
  ["GIF", (start) => /^GIF8[79]a/.test(start)],
  ["BMP", (start) => start.startsWith("BM")],
  ["AVIF", (start) => /^....ftyp(avif|avis)/s.test(start)],
  ["TIFF", (start) => /^(II\*\0|MM\0\*|II\+\0|MM\0\+)/.test(start)],
  ["HEIF", (start) => /^....ftyp(hei[cxms]|hev[cxs]|mif1|msf1)/s.test(start)],
];

/** Return the name of the format that the first bytes announce; empty if it is unknown. */
export function formatOf(bytes) {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  return MAGIC.find(([, matches]) => matches(start))?.[0] ?? "";
}

/** Yield marker and content of the segments of a JPEG up to its first scan. */
export function* segmentsOf(bytes) {
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    if (marker === 0xff) { at++; continue; } // a fill byte
    if (marker === 0xda) return;
    const end = at + 2 + bytes[at + 2] * 256 + bytes[at + 3];
    if (end > bytes.length) return;
    yield [marker, bytes.subarray(at + 4, end)];
    at = end;
  }
}

/** Yield type and content of the complete chunks of a PNG or a WebP; none of other formats. */
export function* chunksOf(bytes, format) {
  if (format !== "PNG" && format !== "WEBP") return;
  const isPng = format === "PNG";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = isPng ? 8 : 12;
  while (at + 8 <= bytes.length) {
    const size = isPng ? view.getUint32(at) : view.getUint32(at + 4, true);
    const kind = String.fromCharCode(...bytes.subarray(isPng ? at + 4 : at, isPng ? at + 8 : at + 4));
    const end = at + 8 + size + (isPng ? 4 : size % 2);
    if (end > bytes.length + (isPng ? 0 : 1)) return;
    yield [kind, bytes.subarray(at + 8, at + 8 + size)];
    at = end;
  }
}

/** Return whether a file has no end. Browsers draw such files, with grey where pixels are missing. */
export function isCut(bytes, format) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format === "JPEG") return !hasEndMark(bytes);
  if (format === "PNG") return ![...chunksOf(bytes, format)].some(([kind]) => kind === "IEND");
  if (format === "WEBP") return bytes.length < 12 || bytes.length < 8 + view.getUint32(4, true);
  if (format === "GIF") return bytes[bytes.findLastIndex((byte) => byte !== 0)] !== 0x3b;
  if (format === "BMP") return bytes.length < 6 || bytes.length < view.getUint32(2, true);
  return false;
}

/** Return whether a JPEG's coded data end in an end mark. */
function hasEndMark(bytes) {
  let last = 2;
  for (const [, content] of segmentsOf(bytes))
    last = content.byteOffset - bytes.byteOffset + content.byteLength;
  // Previews within segments have end marks of their own.
  for (let at = last; at + 1 < bytes.length; at++)
    if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return true;
  return false;
}
