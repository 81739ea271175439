import { registerRoute } from 'workbox-routing';
import { SyncError } from '../protocol/errors.ts';
import { problem, problemOf } from '../router/answers.ts';
import { takeCommand } from '../router/command-route.ts';
import { readMany, readOne } from '../router/read-route.ts';
import type { WriteAnswer, WriteContext } from '../router/commit-write.ts';
import { writeOne } from '../router/write-route.ts';
import { readFile, isForm, writeFile, writeForm } from '../router/file-route.ts';
import { answerOnline } from '../router/without-storage.ts';
import { findCommand, findFile, findTable, type CommandPattern } from '../router/match.ts';
import type { Schema } from '../store/schema.ts';
import type { OpenSession, Sessions } from '../sync/sessions.ts';
import { createWriteFollower, type WriteFollower } from '../sync/after-write.ts';

export interface FetchOptions {
  readonly sessions: Sessions;
  readonly schema: Schema;
  readonly commands: readonly CommandPattern[];
  readonly origin: string;
  readonly fetch: (request: Request) => Promise<Response>;
}

/** What workbox-routing hands to a route's handler. */
interface RouteRequest {
  readonly request: Request;
  readonly url: URL;
  readonly event: ExtendableEvent;
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

function clientOf(event: ExtendableEvent): string {
  return 'clientId' in event && typeof event.clientId === 'string' ? event.clientId : '';
}

/** Removes the request's row once the browser has the answer: no repeat can come any more (SPEC Q-1). */
async function forgetRequest(
  follower: WriteFollower,
  session: OpenSession,
  event: ExtendableEvent,
  row: string,
): Promise<void> {
  const handled: unknown = 'handled' in event ? event.handled : undefined;
  if (!(handled instanceof Promise)) return;
  try {
    await handled;
    await follower.forget(session, row);
  } catch {
    // The answer did not arrive, or the row could not be removed: it is swept when it is old.
  }
}

/**
 * Adds the routes of the declared paths, and of nothing else: what is not declared is not touched. Must be called
 * synchronously while the worker's script is evaluated.
 */
export function onFetch(options: FetchOptions): void {
  const { sessions, schema, commands, origin } = options;
  const follower = createWriteFollower();

  const handleWrite = async (
    event: ExtendableEvent,
    session: OpenSession,
    work: Promise<WriteAnswer>,
  ): Promise<Response> => {
    const { response, requestRow, stored } = await work;
    if (requestRow !== null) event.waitUntil(forgetRequest(follower, session, event, requestRow));
    if (stored) event.waitUntil(follower.follow(session));
    return response;
  };

  const answerFile = async (
    session: OpenSession,
    context: WriteContext,
    event: ExtendableEvent,
    request: Request,
    { table, key }: NonNullable<ReturnType<typeof findFile>>,
  ): Promise<Response> => {
    if (request.method === 'GET') return readFile(session, table, key, request);
    if (request.method === 'PUT') return handleWrite(event, session, writeFile(context, table, key, request));
    return problem(new SyncError('unsupported', `${request.method} is not possible here; GET or PUT the file.`));
  };

  /** Null: the browser gives no database. */
  const sessionFor = async (event: ExtendableEvent): Promise<OpenSession | null> => {
    try {
      return await sessions.forClient(clientOf(event));
    } catch (error) {
      if (error instanceof SyncError && error.code === 'online-only') return null;
      throw error;
    }
  };

  const answer = async ({ request, url, event }: RouteRequest): Promise<Response> => {
    let answered = (): void => undefined;
    try {
      const session = await sessionFor(event);
      if (session === null) return await answerOnline(options.fetch, request);
      answered = session.traffic.begin();
      const context = { session, client: clientOf(event) };
      const command = findCommand(commands, request.method, url, origin);
      if (command !== null) return await handleWrite(event, session, takeCommand(context, command, request));
      const file = findFile(schema, url, origin);
      if (file !== null) return await answerFile(session, context, event, request, file);
      const target = findTable(schema, url, origin);
      if (target === null) return await session.environment.fetch(request);
      const { table, key } = target;
      if (request.method === 'GET') {
        return key === null ? await readMany(session, table, request) : await readOne(session, table, key, request);
      }
      if ((request.method === 'POST') !== (key === null)) {
        const hint = request.method === 'POST' ? `POST to ${table.path}` : `name a record: ${table.path}/<key>`;
        return problem(new SyncError('unsupported', `${request.method} is not possible here; ${hint}.`));
      }
      if (isForm(table, request)) return await handleWrite(event, session, writeForm(context, table, request));
      return await handleWrite(event, session, writeOne(context, table, key, request));
    } catch (error) {
      return problemOf(error);
    } finally {
      answered();
    }
  };

  for (const method of methods) {
    registerRoute(
      ({ url, request }) =>
        findCommand(commands, request.method, url, origin) !== null ||
        findTable(schema, url, origin) !== null ||
        findFile(schema, url, origin) !== null,
      answer,
      method,
    );
  }
}
