import { isJsonObject, isRecordKey, type Json } from '../protocol/record.ts';
import type { Outcome, WireChange } from '../protocol/wire.ts';
import type { RestAnswer } from './rest-request.ts';

type RejectedCode = Extract<Outcome, { readonly type: 'rejected' }>['code'];

export function messageOf({ status, problem }: RestAnswer): string {
  const said = [problem['detail'], problem['message'], problem['title']].find((text) => typeof text === 'string');
  return said ?? `The server answered ${status}.`;
}

/** Codes of a 409 that say something else than that the record is another. */
export function isFinal(code: Json | undefined): boolean {
  return typeof code === 'string' && ['referenced', 'cancelled', 'validation', 'hook', 'dangling'].includes(code);
}

export function deleted({ mutationId }: WireChange): Outcome {
  return { type: 'applied', mutationId, record: null, version: null };
}

export function later({ mutationId }: WireChange, message: string): Extract<Outcome, { readonly type: 'later' }> {
  return { type: 'later', mutationId, message };
}

export function rejected(
  { mutationId }: WireChange,
  code: RejectedCode,
  message: string,
  fields?: Readonly<Record<string, string>>,
): Outcome {
  return { type: 'rejected', mutationId, code, message, ...(fields === undefined ? {} : { fields }) };
}

/** A refusal that says itself what it is, without a look at the record. */
export function refusal(change: WireChange, answer: RestAnswer): Outcome {
  const { mutationId } = change;
  const { status, problem } = answer;
  const { code, errors, references } = problem;
  const message = messageOf(answer);
  if (status === 403) return { type: 'forbidden', mutationId, message };
  if (status === 413) return rejected(change, 'too-large', message);
  if (code === 'cancelled') return { type: 'fenced', mutationId };
  if (code === 'hook' || code === 'schema') return rejected(change, code, message);
  if (status === 404 || status === 410) return rejected(change, 'schema', message);
  if (code === 'dangling' && isJsonObject(references)) {
    const { table, key } = references;
    if (typeof table === 'string' && isRecordKey(key)) {
      return { type: 'dangling', mutationId, message, references: { table, key } };
    }
  }
  if (!isJsonObject(errors)) return rejected(change, 'validation', message);
  const fields: Record<string, string> = {};
  for (const [field, fault] of Object.entries(errors)) {
    fields[field] = typeof fault === 'string' ? fault : JSON.stringify(fault);
  }
  return rejected(change, 'validation', message, fields);
}
