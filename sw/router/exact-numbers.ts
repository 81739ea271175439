import { SyncError } from '../protocol/errors.ts';

/** A text without such a stretch has no number that JavaScript could not hold: fifteen digits fit, and so do small exponents. */
const suspicious = /\d[\d.]{15}|\d[eE][+-]?\d{2,}/;
const outsideStrings = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|"/g;

interface Decimal {
  readonly digits: string;
  /** Of the first digit. */
  readonly exponent: number;
}

/** What a number's text means, so that different ways to write it can be compared. */
function decimalOf(text: string): Decimal {
  const [, whole = '', fraction = '', power = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const all = whole + fraction;
  const digits = all.replace(/^0+/, '');
  if (digits === '') return { digits: '0', exponent: 0 };
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return { digits: digits.slice(0, end), exponent: Number(power) + whole.length - (all.length - digits.length) };
}

function isExact(text: string): boolean {
  const value = Number(text);
  if (!Number.isFinite(value)) return false;
  const [written, kept] = [decimalOf(text), decimalOf(String(value))];
  return written.digits === kept.digits && written.exponent === kept.exponent;
}

/** Where the string that begins here ends. Not by a pattern: one that looks at each character fails at some millions of them. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
  return json.length;
}

/**
 * Refuses a JSON text with a number that would be another one after `JSON.parse` and `JSON.stringify`, as a later edit of the
 * record does: past 2^53, or with more digits than a double has. Linear in the text.
 */
export function checkNumbers(json: string): void {
  if (!suspicious.test(json)) return;
  const pattern = new RegExp(outsideStrings);
  for (let found = pattern.exec(json); found !== null; found = pattern.exec(json)) {
    const [text] = found;
    if (text === '"') pattern.lastIndex = endOfString(json, found.index);
    if (text === '"' || isExact(text)) continue;
    throw new SyncError(
      'invalid-body',
      `JavaScript cannot hold the number ${text.slice(0, 40)} as it is; send it as a text. Nothing was stored.`,
    );
  }
}
