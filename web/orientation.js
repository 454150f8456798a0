// Turns that the browser leaves to the page. Chromium applies the EXIF of JPEG, PNG and AVIF.

import { chunksOf, segmentsOf } from "./containers.js";

const ORIENTATION = 0x0112; // EXIF 2.3, section 4.6.4
const LENGTHS = { 1: 1, 3: 2, 4: 4 }; // types of a tag that hold a number: bytes of each
const XMP = /tiff:Orientation(?:="|>)([0-9])/;
const TURNED_BY_BROWSER = new Set(["JPEG", "PNG", "AVIF"]);

/** Return the EXIF orientation, 1 to 8, by which the decoded pixels must still be turned. */
export function turnOf(bytes, format) {
  const { exif } = metadataOf(bytes, format);
  const isDone = TURNED_BY_BROWSER.has(format) && exif && exifOrientation(exif);
  return isDone ? 1 : statedTurnOf(bytes, format);
}

/** Return the EXIF orientation that a file states; 1 of AVIF, whose decoders turn it. */
export function statedTurnOf(bytes, format) {
  if (format === "AVIF") return 1;
  const { exif, xmp } = metadataOf(bytes, format);
  const byExif = exif && exifOrientation(exif);
  return byExif || (xmp && inRange(Number(XMP.exec(new TextDecoder("latin1").decode(xmp))?.[1]))) || 1;
}

/** Return the blocks of EXIF and XMP in a file. */
function metadataOf(bytes, format) {
  const found = {};
  if (format === "JPEG") {
    for (const [marker, content] of segmentsOf(bytes)) {
      if (marker !== 0xe1) continue;
      const start = new TextDecoder("latin1").decode(content.subarray(0, 29));
      if (start.startsWith("Exif\0\0")) found.exif ??= content;
      if (start.startsWith("http://ns.adobe.com/xap/1.0/\0")) found.xmp ??= content;
    }
    return found;
  }
  for (const [kind, content] of chunksOf(bytes, format)) {
    if (kind === "EXIF" || kind === "eXIf") found.exif ??= content;
    if (kind === "XMP ") found.xmp ??= content;
    const isXmp = kind === "iTXt" &&
      new TextDecoder("latin1").decode(content.subarray(0, 17)) === "XML:com.adobe.xmp";
    if (isXmp) found.xmp ??= content;
  }
  return found;
}

/** Return the orientation in a block of EXIF, or 0. */
function exifOrientation(block) {
  let start = 0;
  while (start < 12 && String.fromCharCode(...block.subarray(start, start + 6)) === "Exif\0\0")
    start += 6;
  const view = new DataView(block.buffer, block.byteOffset + start, block.byteLength - start);
  try {
    const order = view.getUint16(0);
    if (order !== 0x4949 && order !== 0x4d4d) return 0;
    const little = order === 0x4949;
    const directory = view.getUint32(4, little);
    const entries = view.getUint16(directory, little);
    for (let entry = 0; entry < entries; entry++) {
      const at = directory + 2 + 12 * entry;
      const length = LENGTHS[view.getUint16(at + 2, little)];
      const isOne = length && view.getUint32(at + 4, little) === 1;
      if (view.getUint16(at, little) !== ORIENTATION || !isOne) continue;
      return inRange(length === 1 ? view.getUint8(at + 8)
        : length === 2 ? view.getUint16(at + 8, little) : view.getUint32(at + 8, little));
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the file ends inside it
  }
  return 0;
}

function inRange(orientation) {
  return orientation >= 1 && orientation <= 8 ? orientation : 0;
}
