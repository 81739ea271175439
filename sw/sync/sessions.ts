import { SyncError } from '../protocol/errors.ts';
import type { SyncEvent } from '../protocol/events.ts';
import type { Backend, BackendTable } from '../backend/backend.ts';
import { createBase } from '../store/base.ts';
import { createControl } from '../store/control.ts';
import { createDatabase } from '../store/database.ts';
import { deleteMeta, getMeta, setMeta } from '../store/meta.ts';
import type { Schema } from '../store/schema.ts';
import { createEngine, type Engine } from './engine.ts';
import type { Environment } from './environment.ts';
import type { Session } from './session.ts';

export type HeadersFunction = (attempt: {
  readonly user: string;
  readonly url: string;
}) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;

export interface SessionsOptions {
  readonly name: string;
  readonly schema: Schema;
  readonly backend: Backend;
  readonly environment: Environment;
  readonly origin: string;
  readonly headers: HeadersFunction | null;
  readonly announce: (user: string, event: SyncEvent) => void;
}

export interface OpenSession extends Session {
  readonly engine: Engine;
  end(): void;
}

/** The sign-ins of one app: one session at a time, each with its own database. */
export interface Sessions {
  /** The session of whoever is signed in; user `''` is nobody in particular. */
  current(): Promise<OpenSession>;
  /** Makes `user` the current one. The other's database is closed; its unsent work stays in it. */
  signIn(user: string, headers: Readonly<Record<string, string>>): Promise<void>;
  /** The current session, for a tab; rejects with `user-changed` if the tab loaded under another sign-in (invariant 12). */
  forClient(client: string): Promise<OpenSession>;
  /** Where a tab hears that there is something to download. */
  readonly liveUrl: string | null;
}

export function createSessions(options: SessionsOptions): Sessions {
  const { name, schema, environment } = options;
  const control = createControl(name);
  const tables: ReadonlyMap<string, BackendTable> = schema.tables;
  const backend = options.backend.connect({
    fetch: environment.fetch,
    origin: options.origin,
    tables,
    schema: schema.version,
    now: environment.now,
  });
  let open: { readonly user: string; readonly session: Promise<OpenSession> } | null = null;
  // Given at sign-in; gone with the worker. Cookies and the app's own function go on without them.
  let given: { readonly user: string; readonly headers: Readonly<Record<string, string>> } = { user: '', headers: {} };

  const openSession = async (user: string): Promise<OpenSession> => {
    const controller = new AbortController();
    const announce = (event: SyncEvent): void => options.announce(user, event);
    const database = createDatabase({
      name: `holdfast:${name}:${user}`,
      signal: controller.signal,
      onBlocked: () => announce({ type: 'storage-blocked' }),
    });
    await database.write(['meta'], async (tx) => {
      if ((await getMeta(tx, 'device')) === undefined) await setMeta(tx, 'device', environment.newId());
    });
    const session: Session = {
      user,
      database,
      base: createBase(),
      schema,
      backend,
      environment,
      signal: controller.signal,
      announce,
      headers: async (url) => ({
        ...(given.user === user ? given.headers : {}),
        ...(options.headers === null ? {} : await options.headers({ user, url })),
      }),
    };
    const end = (): void => controller.abort(new SyncError('user-changed', 'The sign-in ended.'));
    return { ...session, engine: createEngine(session), end };
  };

  const current = async (): Promise<OpenSession> => {
    const user = await control.user();
    if (open?.user === user) return open.session;
    const opening = openSession(user);
    const mine = { user, session: opening };
    open = mine;
    opening.catch(() => {
      if (open === mine) open = null;
    });
    return opening;
  };

  return {
    current,
    liveUrl: backend.liveUrl,
    signIn: async (user, headers) => {
      given = { user, headers };
      if ((await control.user()) !== user) {
        const old = open;
        await control.setUser(user);
        open = null;
        (await old?.session)?.end();
      }
      const session = await current();
      await session.database.write(['meta'], async (tx) => {
        await Promise.all([deleteMeta(tx, 'authRequired'), deleteMeta(tx, 'backoff')]);
      });
    },
    forClient: async (client) => {
      const session = await current();
      if (client === '') return session;
      const owner = await control.bind(client, session.user, environment.now());
      if (owner !== session.user) {
        throw new SyncError('user-changed', 'Somebody else signed in since this page was loaded. Reload the page.');
      }
      return session;
    },
  };
}
