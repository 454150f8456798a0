// Rows as CSV, in the form of infer/output/rows.py.

import { P_AI_DECIMALS } from "./verdict.js";

const COLUMNS = ["path", "status", "verdict", "p_ai", "width", "height", "format", "bytes",
                 "error", "note"];
const ESCAPED = /[\\\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const FORMULA = /^(\.\/)*[=+\-@\uff1d\uff0b\uff0d\uff20]/;

/** Return a text in one line that does nothing to a terminal or a spreadsheet. */
export function escaped(text) {
  return text.replace(ESCAPED, (character) => character === "\\" ? "\\\\"
    : [...new TextEncoder().encode(character)]
      .map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(""));
}

/** Return a path as a row holds it. */
export function escapedPath(path) {
  const text = escaped(path);
  return FORMULA.test(text) ? `./${text}` : text;
}

/** Return rows as a CSV file (RFC 4180, UTF-8, lines end with CR LF). */
export function csvOf(rows) {
  const lines = rows.map((row) => [
    escapedPath(row.path), row.status, row.verdict, row.pAi?.toFixed(P_AI_DECIMALS), row.width,
    row.height, row.format, row.bytes, escaped(row.error), escaped(row.note),
  ]);
  return [COLUMNS, ...lines].map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
}

function quoted(value) {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
