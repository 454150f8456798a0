// Verdicts: the rule of infer/model/verdicts.py and the doubts of infer/images/doubts.py.

const MIN_SIDE = 64;
const MIN_DEVIATION = 4;
const PAPER_RANGE = 6;
const MIN_PAPER = 0.3, MIN_UNIFORM_PAPER = 0.75;
const INK_CONTRAST = 40;
const CELLS = 14;
const MIN_WRITTEN_CELLS = 0.4, MIN_PAPER_IN_CELL = 0.2;
const COLOUR_CONTRAST = 40, MAX_COLOURED = 0.05;

export const P_AI_DECIMALS = 6;

const TINY = `doubt: a side of fewer than ${MIN_SIDE} pixels`;
const UNIFORM = "doubt: almost uniform";
const TEXT = "doubt: looks like text or a line drawing";

/** Return the verdict of a probability: `ai`, `real` or `unsure`. */
export function labelOf(pAi, note, rule) {
  const [real, ai] = rule.labels;
  if (note) return "unsure";
  const rounded = Number(pAi.toFixed(P_AI_DECIMALS));
  if (rounded >= rule.ai) return ai;
  return rounded < rule.real ? real : "unsure";
}

/** Return the reason why a picture is unfit for a verdict, or an empty text. */
export function doubtOf(picture, pixels, height, width) {
  if (Math.min(picture.width, picture.height) < MIN_SIDE) return TINY;
  const sampled = [];
  for (let row = 0; row < height; row += 4)
    for (let column = 0; column < width; column += 4) {
      const at = (row * width + column) * 3;
      sampled.push([pixels[at], pixels[at + 1], pixels[at + 2]]);
    }
  const greens = new Array(256).fill(0);
  for (const [, green] of sampled) greens[green]++;
  const page = greens.indexOf(Math.max(...greens));
  const near = greens.slice(Math.max(0, page - PAPER_RANGE), page + PAPER_RANGE + 1);
  const paper = near.reduce((sum, count) => sum + count, 0) / sampled.length;
  if (paper < MIN_PAPER) return "";
  if (paper >= MIN_UNIFORM_PAPER && deviationOf(sampled) < MIN_DEVIATION) return UNIFORM;
  const isColoured = (colours) => Math.max(...colours) - Math.min(...colours) > COLOUR_CONTRAST;
  if (sampled.filter(isColoured).length / sampled.length > MAX_COLOURED) return "";
  return isWritten(pixels, height, width, page) ? TEXT : "";
}

/** Return the standard deviation of the channel that varies most. */
function deviationOf(sampled) {
  return Math.max(...[0, 1, 2].map((channel) => {
    const values = sampled.map((colours) => colours[channel]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  }));
}

/** Return whether there are marks all over a page of the given green value. */
function isWritten(pixels, height, width, page) {
  const rows = Math.min(CELLS, height), columns = Math.min(CELLS, width);
  const down = Math.floor(height / rows), across = Math.floor(width / columns);
  let written = 0;
  for (let cell = 0; cell < rows * columns; cell++) {
    const top = Math.floor(cell / columns) * down, left = (cell % columns) * across;
    let marks = 0, paper = 0;
    for (let place = 0; place < down * across; place++) {
      const row = top + Math.floor(place / across), column = left + (place % across);
      const distance = Math.abs(pixels[(row * width + column) * 3 + 1] - page);
      if (distance > INK_CONTRAST) marks++;
      if (distance <= PAPER_RANGE) paper++;
    }
    if (marks > 0 && paper / (down * across) >= MIN_PAPER_IN_CELL) written++;
  }
  return written / (rows * columns) >= MIN_WRITTEN_CELLS;
}
