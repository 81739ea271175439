import { SyncError } from '../protocol/errors.ts';
import { isShallow, type Json } from '../protocol/record.ts';
import { checkNumbers } from './exact-numbers.ts';

const largestBody = 10 * 1024 * 1024;

/** Reads a JSON body. Anything else is refused before anything is stored. */
export async function readBody(request: Request): Promise<{ readonly text: string; readonly value: Json }> {
  const type = request.headers.get('Content-Type') ?? '';
  if (!/^(application\/([\w.+-]+\+)?json|text\/plain)\b/i.test(type) && type !== '') {
    throw new SyncError(
      'invalid-body',
      `The body's content type is ${type}; send application/json. Nothing was stored.`,
    );
  }
  const text = await request.text();
  if (text.length > largestBody)
    throw new SyncError('too-large', 'The body is larger than 10 MiB. Nothing was stored.');
  let value: Json | undefined;
  try {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- what is parsed is JSON
    value = JSON.parse(text);
  } catch {
    // Said below.
  }
  checkNumbers(text);
  if (!isShallow(value))
    throw new SyncError(
      'invalid-body',
      'The body is nested more than 100 deep. Nothing was stored; send it as a text.',
    );
  if (typeof value === 'object') return { text: text.trim(), value };
  throw new SyncError('invalid-body', 'The body is not a JSON object. Send one record as JSON. Nothing was stored.');
}
