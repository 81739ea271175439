import { problemOf } from '../../sw/router/answers.ts';
import { takeCommand } from '../../sw/router/command-route.ts';
import { findCommand, findTable, parseCommand } from '../../sw/router/match.ts';
import { readMany, readOne } from '../../sw/router/read-route.ts';
import { isForm, writeForm } from '../../sw/router/file-route.ts';
import { writeOne } from '../../sw/router/write-route.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { isJsonObject, type Json, type JsonObject } from '../../sw/protocol/record.ts';
import { asJson } from './server-fixture.ts';

export interface PageAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
  readonly record: JsonObject;
  /** The body as it came. */
  readonly text: string;
}

export const origin = 'https://app.example';
export const commands = [
  { method: 'POST', path: '/api/visits/:id/close' },
  { method: 'POST', path: '/api/tasks/:id/complete', references: { id: 'tasks' } },
  { method: 'POST', path: '/api/visits/:id/hand-over' },
].map(parseCommand);

/** A plain `fetch` of a page, as the worker's routes answer it. */
export function ask(
  session: OpenSession,
  method: string,
  path: string,
  body?: Json,
  headers: Readonly<Record<string, string>> = {},
): Promise<PageAnswer> {
  const request = new Request(new URL(path, origin), {
    method,
    headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answerOf(session, request);
}

export type RawBody = string | Blob | FormData | URLSearchParams | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

/** The same with any body, under the type that is given or comes with it. */
export function askRaw(
  session: OpenSession,
  method: string,
  path: string,
  body: RawBody,
  type: string | undefined = typeof body === 'string' ? 'application/json' : undefined,
): Promise<PageAnswer> {
  const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type };
  const options = { method, headers, body, duplex: 'half' };
  return answerOf(session, new Request(new URL(path, origin), options));
}

async function answerOf(session: OpenSession, request: Request): Promise<PageAnswer> {
  const { method } = request;
  const url = new URL(request.url);
  const context = { session, client: 'tab' };
  const answer = async (): Promise<Response> => {
    try {
      const command = findCommand(commands, method, url, origin);
      if (command !== null) return (await takeCommand(context, command, request)).response;
      const target = findTable(session.schema, url, origin);
      if (target === null) throw new Error(`${url.pathname} is not declared.`);
      const { table, key } = target;
      if (method === 'GET')
        return await (key === null ? readMany(session, table, request) : readOne(session, table, key, request));
      const isFormOfFile = isForm(table, request);
      return (await (isFormOfFile ? writeForm(context, table, request) : writeOne(context, table, key, request)))
        .response;
    } catch (error) {
      return problemOf(error);
    }
  };
  const response = await answer();
  const text = await response.text();
  const parsed = text === '' ? null : asJson(text);
  return {
    status: response.status,
    headers: response.headers,
    body: parsed,
    record: isJsonObject(parsed) ? parsed : {},
    text,
  };
}
