// Pixels without a canvas, by WebCodecs, for browsers that change what pages read from canvases.

const ORDERS = { RGBA: [0, 1, 2, 3], RGBX: [0, 1, 2], BGRA: [2, 1, 0, 3], BGRX: [2, 1, 0] };
const SUBSAMPLED = { I444: [1, 1], I422: [2, 1], I420: [2, 2] }; // widths and heights per colour
const clamped = (value) => Math.max(0, Math.min(255, value));

/** Return RGBA of a file as it is stored, not turned; null if the browser gives no RGB of it. */
export async function storedPixels(bytes, format) {
  const type = `image/${format.toLowerCase()}`;
  const settings = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const decoder = new ImageDecoder({ data: bytes, type, ...settings });
  try {
    const { image: frame } = await decoder.decode();
    try {
      return await pixelsOf(frame, format);
    } finally {
      frame.close();
    }
  } finally {
    decoder.close();
  }
}

async function pixelsOf(frame, format) {
  const { codedWidth: width, codedHeight: height } = frame;
  const isTurned = format === "AVIF" && (frame.rotation || frame.flip);
  const isKnown = frame.format in ORDERS || (format === "JPEG" && frame.format in SUBSAMPLED);
  if (isTurned || !isKnown) return null;
  const data = new Uint8Array(frame.allocationSize());
  const planes = await frame.copyTo(data);
  if (frame.format in SUBSAMPLED)
    return { width, height, rgba: fromPlanes(data, planes, width, height, SUBSAMPLED[frame.format]) };
  const rgba = new Uint8Array(width * height * 4).fill(255);
  const [{ offset, stride }] = planes;
  for (let row = 0, to = 0; row < height; row++)
    for (let from = offset + row * stride, last = from + width * 4; from < last; from += 4, to += 4)
      ORDERS[frame.format].forEach((place, channel) => { rgba[to + channel] = data[from + place]; });
  return { width, height, rgba };
}

/** Return RGBA of a JPEG's planes, as libjpeg-turbo upsamples (jdsample.c) and converts (jdcolor.c). */
function fromPlanes(data, planes, width, height, [across, down]) {
  const rgba = new Uint8Array(width * height * 4).fill(255);
  const wide = Math.ceil(width / across), high = Math.ceil(height / down);
  for (let row = 0, to = 0; row < height; row++) {
    const [blue, red] = planes.slice(1).map(({ offset, stride }) =>
      colourRow(data.subarray(offset), stride, wide, high, row, across, down));
    for (let column = 0; column < width; column++, to += 4) {
      const y = data[planes[0].offset + row * planes[0].stride + column];
      const b = blue[column] - 128, r = red[column] - 128;
      rgba[to] = clamped(y + ((91881 * r + 32768) >> 16));
      rgba[to + 1] = clamped(y + ((-22554 * b - 46802 * r + 32768) >> 16));
      rgba[to + 2] = clamped(y + ((116130 * b + 32768) >> 16));
    }
  }
  return rgba;
}

/** Return one row of a colour in full width. */
function colourRow(plane, stride, wide, high, row, across, down) {
  const near = Math.floor(row / down);
  if (across === 1) return plane.subarray(near * stride, near * stride + wide);
  // libjpeg repeats colours of pictures this narrow.
  if (wide <= 2) return Array.from({ length: wide * 2 }, (_, at) => plane[near * stride + (at >> 1)]);
  const other = Math.max(0, Math.min(high - 1, near + (row % 2 ? 1 : -1)));
  const sum = (at) => down === 1 ? plane[near * stride + at]
    : 3 * plane[near * stride + at] + plane[other * stride + at];
  const [left, right, bits] = down === 1 ? [1, 2, 2] : [8, 7, 4];
  const out = new Uint8Array(wide * 2);
  for (let at = 0; at < wide; at++) {
    const own = sum(at);
    out[2 * at] = (3 * own + (at ? sum(at - 1) : own) + left) >> bits;
    out[2 * at + 1] = (3 * own + (at + 1 < wide ? sum(at + 1) : own) + right) >> bits;
  }
  return out;
}
