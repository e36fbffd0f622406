// A frame as CSV, for spreadsheets.

import type { Frame } from './frame';
import { displayName } from './names';

/** A cell that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV injection"). */
function cell(value: unknown): string {
  const text = value === null || value === undefined ? '' : String(value);
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

/** The frames below each other, times in ISO. */
export function toCsv(frames: Frame[]): string {
  const tables = frames.map((frame) => {
    const head = frame.fields.map((field) => cell(displayName(field, frame, frames)));
    const rows = Array.from({ length: frame.length }, (_, row) => {
      return frame.fields.map(({ type, values }) => cell(type === 'time' ? new Date(values[row] as number).toISOString() : values[row]));
    });
    return [head, ...rows].map((line) => line.join(',')).join('\r\n');
  });
  return `${tables.join('\r\n\r\n')}\r\n`;
}
