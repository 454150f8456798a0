// A file's upright RGB pixels, on white, as the scanner's preprocessing sees them.

import { storedPixels } from "./frames.js";
import { statedTurnOf, turnOf } from "./orientation.js";
import { viewsOf } from "./views.js";

export const MAX_PIXELS = 178_956_970; // as infer/images/limits.py
const THUMBNAIL = 160;

/** A file that gives no pixels: `status` and `message` are those of its row. */
export class ImageFailure extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/** Open a file's pixels. The caller closes what it gets. */
export async function opened(blob, bytes, format) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch (error) {
    throw new ImageFailure("corrupt", `the browser cannot decode it: ${error.message}`);
  }
  const turn = turnOf(bytes, format);
  const isOnItsSide = turn >= 5;
  const width = isOnItsSide ? bitmap.height : bitmap.width;
  const height = isOnItsSide ? bitmap.width : bitmap.height;
  if (width * height > MAX_PIXELS) {
    bitmap.close();
    throw new ImageFailure("too_large", `${width * height} pixels, limit ${MAX_PIXELS}`);
  }
  const picture = { bitmap, width, height, turn, format };
  if (readsTruly) return picture;
  try {
    return { ...picture, rgb: await uprightPixels(bytes, format, width, height) };
  } catch (error) {
    bitmap.close();
    throw error;
  }
}

/** Return upright RGB on white without a canvas. */
async function uprightPixels(bytes, format, width, height) {
  let stored;
  try {
    stored = await storedPixels(bytes, format);
  } catch (error) {
    throw new ImageFailure("corrupt", `the browser cannot decode it: ${error.message}`);
  }
  if (stored === null)
    throw new ImageFailure("unsupported",
      "this browser changes the pixels that pages read from canvases, and gives no others of this file");
  const [a, b, c, d, e, f] = matrixOf(statedTurnOf(bytes, format), width, height, 0);
  const from = onWhite(stored.rgba);
  const rgb = new Uint8Array(from.length);
  // A pixel's corner at the matrix's far side lies one pixel beyond it.
  const right = e - (a + c < 0 ? 1 : 0), low = f - (b + d < 0 ? 1 : 0);
  for (let y = 0, at = 0; y < stored.height; y++)
    for (let x = 0; x < stored.width; x++, at += 3) {
      const to = ((b * x + d * y + low) * width + a * x + c * y + right) * 3;
      rgb[to] = from[at];
      rgb[to + 1] = from[at + 1];
      rgb[to + 2] = from[at + 2];
    }
  return rgb;
}

/** Return the model's input, RGB bytes (views × height × width × 3). */
export function inputOf(picture, height, width, views) {
  const { bitmap, turn, rgb } = picture;
  let context;
  const read = (top, rows) => {
    if (rgb) return rgb.subarray(top * picture.width * 3, (top + rows) * picture.width * 3);
    if (!context || context.canvas.height < rows)
      context = contextOf(picture.width, rows, picture.format);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, picture.width, rows);
    context.setTransform(...matrixOf(turn, picture.width, picture.height, top));
    context.drawImage(bitmap, 0, 0);
    return onWhite(context.getImageData(0, 0, picture.width, rows).data);
  };
  const source = { width: picture.width, height: picture.height, read };
  return viewsOf(source, height, width, views, picture.format);
}

/** Return a small WebP of the picture. */
export function thumbnailOf({ bitmap, turn, width, height }) {
  const factor = Math.min(1, THUMBNAIL / Math.max(width, height));
  const [small, low] = [width, height].map((side) => Math.max(1, Math.round(side * factor)));
  const context = new OffscreenCanvas(small, low).getContext("2d");
  context.imageSmoothingQuality = "high";
  const [a, b, c, d, e, f] = matrixOf(turn, width, height, 0);
  const [x, y] = [small / width, low / height];
  context.setTransform(a * x, b * y, c * x, d * y, e * x, f * y);
  context.drawImage(bitmap, 0, 0);
  return context.canvas.convertToBlob({ type: "image/webp", quality: 0.8 });
}

/** Return whether this browser gives back the pixels that a canvas was given. */
function readsTrulyFromCanvas() {
  const context = new OffscreenCanvas(64, 64).getContext("2d", { willReadFrequently: true });
  const given = context.createImageData(64, 64);
  given.data.forEach((_, at) => { given.data[at] = at % 4 === 3 ? 255 : (at * 7919) % 251; });
  context.putImageData(given, 0, 0);
  const back = context.getImageData(0, 0, 64, 64).data;
  return given.data.every((value, at) => value === back[at]);
}

const readsTruly = readsTrulyFromCanvas();

/** Return whether this browser gives true pixels in one way or the other. */
export function canReadPixels() {
  return readsTruly || "ImageDecoder" in self;
}

const MAY_BE_CLEAR = new Set(["PNG", "WEBP", "AVIF", "GIF"]);

function contextOf(width, rows, format) {
  // Canvases keep colours multiplied by alpha. With 16 bits, nothing is lost by that.
  const colorType = MAY_BE_CLEAR.has(format) ? "float16" : "unorm8";
  const settings = { willReadFrequently: true, colorSpace: "srgb", colorType };
  const context = new OffscreenCanvas(width, rows).getContext("2d", settings);
  if (context === null) throw new ImageFailure("too_large", "the browser has no canvas of its width");
  context.imageSmoothingEnabled = false;
  return context;
}

/** Return the matrix that turns a picture upright by an EXIF orientation, and moves it up. */
function matrixOf(turn, width, height, top) {
  return {
    1: [1, 0, 0, 1, 0, -top],
    2: [-1, 0, 0, 1, width, -top],
    3: [-1, 0, 0, -1, width, height - top],
    4: [1, 0, 0, -1, 0, height - top],
    5: [0, 1, 1, 0, 0, -top],
    6: [0, 1, -1, 0, width, -top],
    7: [0, -1, -1, 0, width, height - top],
    8: [0, -1, 1, 0, 0, height - top],
  }[turn];
}

/** Return RGB of RGBA over white, rounded as Pillow's alpha_composite rounds. */
function onWhite(rgba) {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const alpha = rgba[from + 3];
    for (let channel = 0; channel < 3; channel++) {
      const value = rgba[from + channel];
      rgb[to + channel] = alpha === 255 ? value : over(value, alpha);
    }
  }
  return rgb;
}

function over(value, alpha) {
  if (alpha === 0) return 255;
  const sum = (value * alpha + 255 * (255 - alpha) + 128) * 128;
  return ((sum >> 8) + sum) >> 15;
}
