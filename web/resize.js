// Pillow's antialiased bilinear resize on 8 bits, to the last bit: fixed-point weights, two passes,
// rounded to 8 bits between them (libImaging/Resample.c). The order of the passes counts.

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
  const [lost, cut] = [source.height - height, source.width - width];
  // Pillow 13's choice of the first pass. tests/page compares thousands of sizes.
  if (lost > 0 && lost > 2 * cut)
    return passAcross(lowered(source, down), source.width, height, across);
  return passDown(narrowed(source, across), width, down);
}

/** Return source.height rows of the final width. */
function narrowed(source, across) {
  const width = across.length;
  const out = new Uint8Array(source.height * width * 3);
  for (const { top, rows, pixels } of bandsOf(source))
    out.set(passAcross(pixels, source.width, rows, across), top * width * 3);
  return out;
}

/** Return rows of the final number, as wide as the source. */
function lowered(source, down) {
  const length = source.width * 3;
  const sums = new Int32Array(down.length * length).fill(HALF);
  let first = 0;
  for (const { top, rows, pixels } of bandsOf(source))
    for (let row = 0; row < rows; row++) {
      const at = top + row;
      while (down[first].first + down[first].weights.length <= at) first++;
      for (let place = first; place < down.length && down[place].first <= at; place++) {
        const weight = down[place].weights[at - down[place].first];
        const into = place * length, from = row * length;
        for (let step = 0; step < length; step++) sums[into + step] += pixels[from + step] * weight;
      }
    }
  return Uint8Array.from(sums, (sum) => Math.min(255, sum >> BITS));
}

/** Yield all rows of a source, some at a time. */
export function* bandsOf(source) {
  const band = Math.max(1, Math.min(256, Math.floor(2 ** 24 / source.width)));
  for (let top = 0; top < source.height; top += band) {
    const rows = Math.min(band, source.height - top);
    yield { top, rows, pixels: source.read(top, rows) };
  }
}

function passAcross(pixels, from, height, across) {
  const width = across.length;
  const out = new Uint8Array(height * width * 3);
  for (let row = 0; row < height; row++)
    for (let place = 0; place < width; place++)
      weigh(pixels, (row * from + across[place].first) * 3, 3, across[place].weights,
            out, (row * width + place) * 3);
  return out;
}

function passDown(pixels, width, down) {
  const out = new Uint8Array(down.length * width * 3);
  for (let row = 0; row < down.length; row++)
    for (let place = 0; place < width; place++)
      weigh(pixels, (down[row].first * width + place) * 3, width * 3, down[row].weights,
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
  out[into] = Math.min(255, red >> BITS);
  out[into + 1] = Math.min(255, green >> BITS);
  out[into + 2] = Math.min(255, blue >> BITS);
}
