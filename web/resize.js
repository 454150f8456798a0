// Pillow's antialiased bilinear resize on 8 bits, to the last bit: fixed-point weights, the
// horizontal pass first, rounded to 8 bits between the passes (libImaging/Resample.c).

const BITS = 22;
const HALF = 1 << (BITS - 1);

/** Return for each output place the first input place and the weights from there on. */
function weightsOf(from, to) {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    const shares = Array.from({ length: end - first }, (_, step) =>
      Math.max(0, 1 - Math.abs((step + first - center + 0.5) * (1 / support))));
    const sum = shares.reduce((total, share) => total + share, 0);
    return { first, weights: Int32Array.from(shares, (share) => 0.5 + (share / sum) * 2 ** BITS) };
  });
}

/**
 * Return RGB bytes (height × width × 3) of a picture that is read in bands.
 *
 * source: its width, height, and read(top, rows), which returns RGB bytes of these rows.
 */
export function resized(source, height, width) {
  const across = weightsOf(source.width, width);
  const down = weightsOf(source.height, height);
  const narrow = new Uint8Array(source.height * width * 3);
  const band = Math.max(1, Math.min(256, Math.floor(2 ** 24 / source.width)));
  for (let top = 0; top < source.height; top += band) {
    const rows = Math.min(band, source.height - top);
    const pixels = source.read(top, rows);
    for (let row = 0; row < rows; row++) {
      const start = row * source.width * 3;
      const into = (top + row) * width * 3;
      for (let place = 0; place < width; place++)
        weigh(pixels, start + across[place].first * 3, 3, across[place].weights,
              narrow, into + place * 3);
    }
  }
  const out = new Uint8Array(height * width * 3);
  for (let row = 0; row < height; row++)
    for (let place = 0; place < width; place++)
      weigh(narrow, (down[row].first * width + place) * 3, width * 3, down[row].weights,
            out, (row * width + place) * 3);
  return out;
}

/** Write the weighted sum of pixels, `step` bytes apart, as one pixel. */
function weigh(pixels, start, step, weights, out, into) {
  let red = HALF, green = HALF, blue = HALF;
  for (let place = 0, at = start; place < weights.length; place++, at += step) {
    const weight = weights[place];
    red += pixels[at] * weight;
    green += pixels[at + 1] * weight;
    blue += pixels[at + 2] * weight;
  }
  // Rounded weights may add up to a little more than one.
  out[into] = Math.min(255, Math.floor(red / 2 ** BITS));
  out[into + 1] = Math.min(255, Math.floor(green / 2 ** BITS));
  out[into + 2] = Math.min(255, Math.floor(blue / 2 ** BITS));
}
