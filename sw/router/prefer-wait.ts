import type { FailureCode } from '../protocol/status.ts';
import { readView } from '../store/view.ts';
import type { Standing } from '../store/outcomes.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { Table } from '../store/schema.ts';
import { awaitOutcome } from '../sync/await-outcome.ts';
import type { OpenSession } from '../sync/sessions.ts';
import { statusHeaders } from './answers.ts';

/** The browser ends a request's event after about five minutes. */
const longestWaitSeconds = 120;

/** How long the request prefers to wait for the server's outcome (RFC 7240), in seconds; 0: not at all. */
export function waitSecondsOf(request: Request): number {
  const seconds = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:[,;]|$)/i.exec(request.headers.get('Prefer') ?? '')?.[1];
  return Math.min(Number(seconds ?? 0), longestWaitSeconds);
}

const statuses: Readonly<Partial<Record<FailureCode, number>>> = {
  forbidden: 403,
  conflict: 409,
  dangling: 409,
  superseded: 409,
  gone: 410,
  'too-large': 413,
};

function refusal(standing: Extract<Standing, { readonly type: 'refused' }>, applied: Record<string, string>): Response {
  const { code, message, fields, failure } = standing;
  const status = statuses[code] ?? 422;
  const named = { ...(fields === undefined ? {} : { fields }), ...(failure === null ? {} : { failure }) };
  const body = { type: `urn:holdfast:${code}`, title: code, status, code, detail: message, ...named };
  const headers = { ...statusHeaders('rejected'), ...applied, 'Content-Type': 'application/problem+json' };
  return new Response(JSON.stringify(body), { status, headers });
}

export interface Awaited {
  /** What stands for the write; null: nothing of it is for the server. */
  readonly seq: number | null;
  readonly seconds: number;
}

interface Outstanding extends Awaited {
  readonly seq: number;
}

interface Written {
  readonly table: Table;
  readonly key: RecordKey;
  /** Of the usual answer. */
  readonly status: number;
}

/**
 * The server's answer to a stored write of a record, if it comes in time (U-13): the record as the server has it, or its
 * refusal; the change then stays here as every refused one. Null: the usual answer is due.
 */
export function answerOfServer(session: OpenSession, written: Written, awaited: Awaited): Promise<Response | null> {
  return ifKnown(awaited, (seq) => answerAboutRecord(session, written, { seq, seconds: awaited.seconds }));
}

/** The same for a command; `body` is what it was answered with when it was stored. */
export function answerToCommand(session: OpenSession, body: string | null, awaited: Awaited): Promise<Response | null> {
  return ifKnown(awaited, (seq) => answerAboutCommand(session, body, { seq, seconds: awaited.seconds }));
}

/**
 * The write is stored: what fails in waiting for the server must not look as if it were not, or it would be made again.
 * So a sign-out, or a database that cannot be read any more, leads to the usual answer.
 */
async function ifKnown(
  { seq, seconds }: Awaited,
  answer: (seq: number) => Promise<Response | null>,
): Promise<Response | null> {
  if (seq === null || seconds === 0) return null;
  try {
    return await answer(seq);
  } catch {
    return null;
  }
}

async function answerAboutRecord(
  session: OpenSession,
  { table, key, status }: Written,
  { seq, seconds }: Outstanding,
): Promise<Response | null> {
  const standing = await awaitOutcome(session, seq, seconds * 1000);
  const applied = { 'Preference-Applied': `wait=${seconds}` };
  // Whether it arrived is not known, so that no answer would be true.
  if (standing.type === 'refused' && standing.code !== 'unknown') return refusal(standing, applied);
  if (standing.type !== 'applied') return null;
  const view = await readView(session.database, session.base, table.name, key);
  const headers = { ...statusHeaders(view.detail), ...applied };
  if (view.text === null) return new Response(null, { status: 204, headers });
  const location = status === 201 ? { Location: `${table.path}/${encodeURIComponent(String(view.key))}` } : {};
  return new Response(view.text, { status, headers: { ...headers, ...location, 'Content-Type': 'application/json' } });
}

async function answerAboutCommand(
  session: OpenSession,
  body: string | null,
  { seq, seconds }: Outstanding,
): Promise<Response | null> {
  const standing = await awaitOutcome(session, seq, seconds * 1000);
  const applied = { 'Preference-Applied': `wait=${seconds}` };
  if (standing.type === 'refused' && standing.code !== 'unknown') return refusal(standing, applied);
  if (standing.type !== 'applied') return null;
  const headers = { ...statusHeaders('clean'), ...applied, 'Content-Type': 'application/json' };
  return new Response(body, { status: 200, headers });
}
