import { SyncError } from '../protocol/errors.ts';

/** A text without such a stretch has no number that JavaScript could not hold: fifteen digits fit, and so do small exponents. */
const suspicious = /\d[\d.]{15,}|\d[eE][+-]?\d{2,}/;
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

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
  return { digits: digits.replace(/0+$/, ''), exponent: Number(power) + whole.length - (all.length - digits.length) };
}

function isExact(text: string): boolean {
  const value = Number(text);
  if (!Number.isFinite(value)) return false;
  const [written, kept] = [decimalOf(text), decimalOf(String(value))];
  return written.digits === kept.digits && written.exponent === kept.exponent;
}

/**
 * Refuses a JSON text with a number that would be another one after `JSON.parse` and `JSON.stringify`, as a later edit of the
 * record does: past 2^53, or with more digits than a double has. Linear in the text.
 */
export function checkNumbers(json: string): void {
  if (!suspicious.test(json)) return;
  for (const [text] of json.matchAll(stringOrNumber)) {
    if (text.startsWith('"') || isExact(text)) continue;
    throw new SyncError(
      'invalid-body',
      `JavaScript cannot hold the number ${text.slice(0, 40)} as it is; send it as a text. Nothing was stored.`,
    );
  }
}
