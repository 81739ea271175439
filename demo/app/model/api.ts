import type { Json, StatusDetail } from 'holdfast/client';
import { isFields } from './records.ts';

/** An answer of the API that is not a success, or no answer at all (code `network`). */
class ApiProblem extends Error {
  override name = 'ApiProblem';
  readonly status: number;
  readonly code: string;
  /** A message for each field at fault. */
  readonly fields: Readonly<Record<string, string>>;

  constructor(message: string, options: { status: number; code: string; fields?: Record<string, string> }) {
    super(message);
    this.status = options.status;
    this.code = options.code;
    this.fields = options.fields ?? {};
  }
}

export interface ListQuery {
  readonly filter?: string;
  readonly orderBy?: string;
  readonly limit?: number;
  readonly offset?: number;
  readonly status?: string;
}

export interface ListAnswer<T> {
  readonly records: readonly T[];
  /** How many records match, whatever the limit. */
  readonly total: number;
  /** How many of the table's matches are not synchronized, and the finer status of those in `records`, by key. */
  readonly notSynchronized: number;
  readonly marks: ReadonlyMap<string, StatusDetail> | null;
  readonly source: 'local' | 'network';
}

const details = new Set<string>(['pending', 'in-flight', 'rejected', 'conflict', 'blocked', 'held', 'draft', 'clean']);

function isDetail(value: unknown): value is StatusDetail {
  return typeof value === 'string' && details.has(value);
}

function readMarks(header: string | null): ReadonlyMap<string, StatusDetail> | null {
  if (header === null) return null;
  const marks = new Map<string, StatusDetail>();
  try {
    const rows: unknown = JSON.parse(header);
    if (!Array.isArray(rows)) return null;
    for (const row of rows) {
      if (isFields(row) && isDetail(row['detail'])) marks.set(String(row['key']), row['detail']);
    }
  } catch {
    return null;
  }
  return marks;
}

async function readProblem(response: Response): Promise<ApiProblem> {
  const body: unknown = await response.json().catch(() => null);
  const problem = isFields(body) ? body : {};
  const fields: Record<string, string> = {};
  if (isFields(problem['fields'])) {
    for (const [field, message] of Object.entries(problem['fields'])) fields[field] = String(message);
  }
  const title = typeof problem['title'] === 'string' ? problem['title'] : `The answer was ${String(response.status)}`;
  return new ApiProblem(typeof problem['detail'] === 'string' ? problem['detail'] : title, {
    status: response.status,
    code: typeof problem['code'] === 'string' ? problem['code'] : 'server',
    fields,
  });
}

async function request(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiProblem('The server cannot be reached, and this is not on the device yet.', {
      status: 0,
      code: 'network',
    });
  }
  if (!response.ok) throw await readProblem(response);
  return response;
}

/** Reads a list with plain `fetch`; the worker answers it from the device. */
export async function readList<T>(
  path: string,
  read: (value: unknown) => T | null,
  options: { readonly query?: ListQuery; readonly signal?: AbortSignal } = {},
): Promise<ListAnswer<T>> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) search.set(name, String(value));
  const suffix = search.size > 0 ? `?${search.toString()}` : '';
  const response = await request(`${path}${suffix}`, { ...(options.signal ? { signal: options.signal } : {}) });
  const body: unknown = await response.json();
  const records = (Array.isArray(body) ? body : []).map(read).filter((record) => record !== null);
  const total = Number(response.headers.get('X-Total-Count') ?? records.length);
  return {
    records,
    total: Number.isFinite(total) ? total : records.length,
    notSynchronized: Number(response.headers.get('Sync-Status') ?? 0) || 0,
    marks: readMarks(response.headers.get('Sync-Not-Synchronized')),
    source: response.headers.get('Sync-Source') === 'local' ? 'local' : 'network',
  };
}

/** One record, or null if there is none. */
export async function readRecord<T>(path: string, read: (value: unknown) => T | null): Promise<T | null> {
  try {
    const response = await request(path, {});
    return read(await response.json());
  } catch (error) {
    if (error instanceof ApiProblem && (error.status === 404 || error.status === 410)) return null;
    throw error;
  }
}

export interface WriteOptions {
  /** Keeps it as a draft, which is never sent. */
  readonly asDraft?: boolean;
}

/** Writes with plain `fetch`: answered once the worker has it on disk. Answers the body, null if there is none. */
export async function write(
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: Json,
  { asDraft = false }: WriteOptions = {},
): Promise<unknown> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const headers = {
    ...(body === undefined ? {} : { 'Content-Type': type }),
    ...(asDraft ? { 'Sync-Draft': 'true' } : {}),
  };
  const response = await request(path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.status === 204) return null;
  const answer: unknown = await response.json().catch(() => null);
  return answer;
}

/** Stores a record together with its file: both are on this device when it is answered. */
export async function writeForm(path: string, form: FormData): Promise<unknown> {
  const response = await request(path, { method: 'POST', body: form });
  const answer: unknown = await response.json().catch(() => null);
  return answer;
}

export function recordPath(table: string, key: string | number): string {
  return `/api/${table}/${encodeURIComponent(String(key))}`;
}

/** A string of the filter language. */
export function quoted(value: string): string {
  return `"${value.replaceAll('"', '""')}"`;
}

export function problemMessage(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}
