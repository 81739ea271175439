import { SyncError } from '../protocol/errors.ts';
import type { FileReference } from '../protocol/file.ts';
import { isJsonObject, type RecordKey } from '../protocol/record.ts';
import {
  chunksLock,
  findContent,
  storeChunks,
  streamContent,
  takeContentNumber,
  type StoredContent,
} from '../store/contents.ts';
import { fileIn, withReference } from '../store/file-field.ts';
import type { Table } from '../store/schema.ts';
import { readView } from '../store/view.ts';
import { readDraft } from '../sync/drafts.ts';
import type { Session } from '../sync/session.ts';
import { checkSignedIn } from '../sync/signed-in.ts';
import { statusHeaders } from './answers.ts';
import { bodyStream } from './body-stream.ts';
import { readForm } from './form-record.ts';
import { readParts, type Part } from './multipart.ts';
import { fromNetwork, underKey } from './network.ts';
import { passesBy } from './online-table.ts';
import { parseRange } from '../protocol/range.ts';
import { missingRecord } from './read-route.ts';
import { commitWrite, type NamedWrite, type WriteAnswer, type WriteContext } from './commit-write.ts';
import { nameRequest } from './current-keys.ts';
import { prepareCreate } from './prepare-write.ts';

const anyType = 'application/octet-stream';

/** An app serves what its users stored: shown as a document, it must not run as a part of the app. */
const guardHeaders = {
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  'X-Content-Type-Options': 'nosniff',
} as const;

/** `GET` of a record's file, whole or a range of it, from its chunks. What is not held here the network answers (D-08). */
export async function readFile(session: Session, table: Table, key: RecordKey, request: Request): Promise<Response> {
  const view = await readView(session.database, session.base, table.name, key);
  const draft = request.headers.get('Sync-Draft') === 'true' ? await readDraft(session, table, view.key) : null;
  const text = draft === null ? view.text : JSON.stringify(draft.record);
  const current = underKey(request, key, view.key);
  if (table.scope === 'online' && view.detail === 'clean' && draft === null)
    return fromNetwork(session, current, 'online-only');
  if (text === null) return missingRecord(session, table, key, { view, request: current });
  const reference = fileIn(table, text);
  if (reference === null) throw new SyncError('not-found', `${table.name} ${String(key)} has no file.`);
  const content = await findContent(session.database, reference.hash);
  if (content === null) return fromNetwork(session, current, 'not-held');
  const etag = `"${reference.hash}"`;
  const headers = new Headers({
    ...statusHeaders(draft === null ? view.detail : 'draft'),
    ...guardHeaders,
    'Content-Type': reference.type === '' ? anyType : reference.type,
    'Accept-Ranges': 'bytes',
    // It may be another file tomorrow; the worker is asked each time.
    'Cache-Control': 'no-cache',
    ETag: etag,
  });
  if (request.headers.get('If-None-Match') === etag) return new Response(null, { status: 304, headers });
  const { size } = content;
  const range = parseRange(request.headers.get('Range'), request.headers.get('If-Range'), { size, etag });
  if (range === 'unsatisfiable') {
    headers.set('Content-Range', `bytes */${size}`);
    return new Response(null, { status: 416, headers });
  }
  const { start, end } = range ?? { start: 0, end: size };
  headers.set('Content-Length', String(end - start));
  if (range !== null) headers.set('Content-Range', `bytes ${start}-${end - 1}/${size}`);
  return new Response(streamContent(session.database, content, { start, end }), {
    status: range === null ? 200 : 206,
    headers,
  });
}

async function* piecesOf(stream: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  // `for await` over a stream is not in WebKit.
  const reader = stream?.getReader();
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) yield read.value;
}

/** Does the work with chunks that the sweep leaves alone meanwhile. */
async function withChunks(
  { database, environment }: Session,
  work: (number: number) => Promise<WriteAnswer>,
): Promise<WriteAnswer> {
  const number = await takeContentNumber(database);
  return environment.locks.request(chunksLock(database, number), () => work(number));
}

function checkWritable(session: Session, table: Table): void {
  if (table.direction === 'down') {
    throw new SyncError('unsupported', `${table.name} is only downloaded; it cannot be written here.`);
  }
  checkSignedIn(session);
}

function storePieces(
  session: Session,
  table: Table,
  number: number,
  pieces: AsyncIterable<Uint8Array>,
): Promise<StoredContent> {
  return storeChunks(session.database, number, pieces, { maxBytes: table.file?.maxBytes ?? 0 });
}

function referenceTo({ hash, size }: StoredContent, type: string | null, name: string | null): FileReference {
  return { hash, size, type: type ?? anyType, ...(name === null || name === '' ? {} : { name }) };
}

function nameIn(disposition: string | null): string | null {
  const name = /filename\*=UTF-8''([^;\s]+)/i.exec(disposition ?? '')?.[1];
  if (name === undefined) return /filename="([^"]*)"/i.exec(disposition ?? '')?.[1] ?? null;
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}

/**
 * `PUT` of a record's file. Answered with the record once all of the file and the change that names it are on disk. Of a
 * file of any size one chunk is in memory.
 */
export async function writeFile(
  context: WriteContext,
  table: Table,
  key: RecordKey,
  request: Request,
): Promise<WriteAnswer> {
  const { session } = context;
  if (await passesBy(session, table, key, request)) {
    return { response: await fromNetwork(session, request, 'online-only'), requestRow: null, stored: false };
  }
  checkWritable(session, table);
  const view = await readView(session.database, session.base, table.name, key);
  // A draft may be of a record that is not there yet.
  if (view.text === null && view.absenceKnown && request.headers.get('Sync-Draft') !== 'true') {
    throw new SyncError('not-found', `There is no record ${String(key)} in ${table.name}. Nothing was stored.`);
  }
  return withChunks(session, async (number) => {
    const file = await storePieces(session, table, number, piecesOf(await bodyStream(request)));
    const { headers } = request;
    const reference = referenceTo(file, headers.get('Content-Type'), nameIn(headers.get('Content-Disposition')));
    const content = (text: string | null): string => withReference(table, text, reference);
    const body = JSON.stringify(reference);
    const prepareNamed = async (): Promise<NamedWrite> => {
      const { key: current, aliases } = await nameRequest(session, table, key, null);
      const named = aliases === undefined ? {} : { aliases };
      return { operation: 'update', key: current ?? key, keyIsNew: false, content, ...named };
    };
    return commitWrite(context, table, await prepareNamed(), { request, body, file, prepareAgain: prepareNamed });
  });
}

export function isForm(table: Table, request: Request): boolean {
  return (
    request.method === 'POST' &&
    table.scope !== 'online' &&
    /^multipart\/form-data\b/i.test(request.headers.get('Content-Type') ?? '')
  );
}

/** A form with a record and its file: both are on disk when it is answered, or neither. */
export async function writeForm(context: WriteContext, table: Table, request: Request): Promise<WriteAnswer> {
  const { session } = context;
  checkWritable(session, table);
  const type = request.headers.get('Content-Type') ?? '';
  return withChunks(session, async (number) => {
    const form = await bodyStream(request);
    if (form === null) throw new SyncError('invalid-body', 'The form is empty. Nothing was stored.');
    let stored: StoredContent | undefined;
    const keep = async (part: Part): Promise<FileReference> => {
      stored = await storePieces(session, table, number, part.body);
      return referenceTo(stored, part.type, part.filename);
    };
    const { record, file } = await readForm(table, readParts(form, type), keep);
    const fields = file === null || table.file === null ? record : { ...record, [table.file.field]: { ...file } };
    const text = JSON.stringify(fields);
    const prepareNamed = async (): Promise<NamedWrite> => {
      const { body, aliases } = await nameRequest(session, table, null, { text, value: fields });
      const named = isJsonObject(body?.value) ? body.value : fields;
      const prepared = prepareCreate(session, table, named, body?.text ?? text);
      return { ...prepared, ...(aliases === undefined ? {} : { aliases }) };
    };
    const source = { request, body: text, prepareAgain: prepareNamed };
    const prepared = await prepareNamed();
    const kept = file !== null && stored !== undefined ? { ...source, file: stored } : source;
    return commitWrite(context, table, prepared, kept);
  });
}
