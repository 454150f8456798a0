// What a model sees of a picture, as infer/images/views.py cuts it: the whole, and a part of it.

import { bandsOf, resized } from "./resize.js";

const ROW_STEP = 8; // as infer/images/views.py
const SCALED_MARGIN = 6; // as infer/images/decode.py
const DIVISORS = [8, 4, 2]; // as infer/images/formats/strict_jpeg/decode.py

/**
 * Return RGB bytes (views × height × width × 3) of a source as `resized` takes it.
 *
 * A scan decodes a large JPEG at a half, a quarter or an eighth. Browsers do not, so the part is
 * then one of averaged pixels, which differ a little.
 */
export function viewsOf(source, height, width, views, format) {
  const whole = resized(source, height, width);
  if (views.length === 1) return whole;
  const fits = (by) => source.width >= by * SCALED_MARGIN * width
                    && source.height >= by * SCALED_MARGIN * height;
  const divisor = (format === "JPEG" && DIVISORS.find(fits)) || 1;
  const part = texturedPart(divisor > 1 ? averaged(source, divisor) : source, height, width);
  const input = new Uint8Array(whole.length + part.length);
  input.set(whole);
  input.set(part, whole.length);
  return input;
}

/** Return the first of the most textured parts, from the centre on. */
function texturedPart(source, height, width) {
  const steps = stepsOf(source);
  const rows = Math.min(Math.floor(height / ROW_STEP), steps.length);
  let best = -1, place;
  for (const top of startsOf(source.height, height))
    for (const left of startsOf(source.width, width)) {
      const first = Math.floor(top / ROW_STEP);
      let texture = 0;
      for (const row of steps.slice(first, first + rows))
        for (const step of row.subarray(left, left + width - 1)) texture += step;
      if (texture > best) [best, place] = [texture, [top, left]];
    }
  return mirrored(source, ...place, height, width);
}

/** Return where a part may begin along a side: in the middle, first, last. */
function startsOf(side, part) {
  const room = Math.max(0, side - part);
  return [Math.floor(room / 2), 0, room];
}

/** Return differences of neighbouring green values in the rows 4, 12, 20, …; width - 1 in each. */
function stepsOf(source) {
  const steps = [];
  const wanted = ROW_STEP * Math.floor(source.height / ROW_STEP);
  for (const { top, rows, pixels } of bandsOf(source))
    for (let row = 0; row < rows; row++) {
      if ((top + row) % ROW_STEP !== ROW_STEP / 2 || top + row >= wanted) continue;
      const green = row * source.width * 3 + 1;
      steps.push(Uint8Array.from({ length: source.width - 1 }, (_, at) =>
        Math.abs(pixels[green + 3 * at + 3] - pixels[green + 3 * at])));
    }
  return steps;
}

/** Return a part; beyond a smaller picture's edges lie its mirror images. */
function mirrored(source, top, left, height, width) {
  const [rows, columns] = [Math.min(height, source.height), Math.min(width, source.width)];
  const out = new Uint8Array(height * width * 3);
  for (const band of bandsOf(source))
    for (let row = 0; row < height; row++) {
      const at = top + folded(row, rows) - band.top;
      if (at < 0 || at >= band.rows) continue;
      for (let column = 0; column < width; column++) {
        const from = (at * source.width + left + folded(column, columns)) * 3;
        out.set(band.pixels.subarray(from, from + 3), (row * width + column) * 3);
      }
    }
  return out;
}

/** Return 0 to side - 1, back to 0, and so on. */
function folded(place, side) {
  const thereAndBack = place % (2 * side);
  return Math.min(thereAndBack, 2 * side - 1 - thereAndBack);
}

/** Return a source with the means of squares of pixels. */
function averaged(source, by) {
  const [width, height] = [source.width, source.height].map((side) => Math.ceil(side / by));
  const read = (top, rows) => {
    const count = Math.min(by * rows, source.height - by * top);
    const sums = new Uint32Array(rows * width * 3), counts = new Uint32Array(rows * width);
    const pixels = source.read(by * top, count);
    for (let row = 0, from = 0; row < count; row++)
      for (let column = 0; column < source.width; column++) {
        const to = Math.floor(row / by) * width + Math.floor(column / by);
        counts[to]++;
        for (let channel = 0; channel < 3; channel++) sums[3 * to + channel] += pixels[from++];
      }
    return Uint8Array.from(sums, (sum, at) => Math.round(sum / counts[Math.floor(at / 3)]));
  };
  return { width, height, read };
}
