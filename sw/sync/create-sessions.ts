import { databaseName as nameOfDatabase } from '../protocol/api.ts';
import { SyncError } from '../protocol/errors.ts';
import type { SyncEvent } from '../protocol/events.ts';
import type { Backend, BackendTable } from '../backend/backend.ts';
import { createControl, type Binding, type SignInRecord } from '../store/control.ts';
import { lostError, type Database } from '../store/database.ts';
import type { Encryption, Secrets } from '../store/encryption.ts';
import { deleteMeta } from '../store/meta.ts';
import type { Migrate } from '../store/migrate-row.ts';
import type { Schema } from '../store/schema.ts';
import { lossError } from '../store/storage-loss.ts';
import { bindToPages, type Opening } from './bound-sessions.ts';
import { createCredentials, type Headers } from './credentials.ts';
import { createEngine } from './engine.ts';
import type { Environment } from './environment.ts';
import { insist } from './insist.ts';
import { madeBy, type HeadersFunction } from './made-headers.ts';
import { openUserDatabase } from './open-user-database.ts';
import { noCredentials, type Session } from './session.ts';
import { createStorageWatch } from './storage-watch.ts';
import { createSwitches, signInChanged } from './switches.ts';
import { createTraffic } from './traffic.ts';
import { tellUnheard } from './unheard.ts';
import { noEncryption, noSecrets, unlock } from './unlock.ts';

import type { OpenSession, Leaving, Sessions } from './sessions.ts';

export interface SessionsOptions {
  readonly name: string;
  readonly schema: Schema;
  readonly backend: Backend;
  readonly environment: Environment;
  readonly origin: string;
  readonly headers: HeadersFunction | null;
  /** Makes stored changes of an older schema version fit. */
  readonly migrate?: Migrate | null;
  /** Encrypts users' databases. @default they are not encrypted */
  readonly encryption?: Encryption | null;
  readonly announce: (user: string, event: SyncEvent) => void;
}

export function createSessions(options: SessionsOptions): Sessions {
  const { name, schema, environment, encryption = null, migrate = null } = options;
  const tables: ReadonlyMap<string, BackendTable> = schema.tables;
  const connected = options.backend.connect({
    fetch: environment.fetch,
    origin: options.origin,
    tables,
    schema: schema.version,
    now: environment.now,
  });
  // Nobody has no key: what would be stored of nobody's is refused, as where the server needs a user (G-9).
  const backend = encryption === null ? connected : { ...connected, needsUser: true };
  const { now, newId, witness } = environment;
  const ask = (user: string): void => options.announce(user, { type: 'credentials-wanted' });
  const credentials = createCredentials<Headers>({ now, ask });
  const keys = createCredentials<string>({ now, ask });
  let known: SignInRecord | null = null;
  /** Tabs that were open when their user was followed by another: theirs, unless they are known to be bound otherwise. */
  const outlived = new Map<string, string>();
  const openUnder = async (user: string): Promise<readonly Binding[]> =>
    user === '' ? [] : (await environment.openClients()).map((client) => ({ client, user }));
  const outlive = async (user: string): Promise<void> => {
    for (const { client } of await openUnder(user)) if (!outlived.has(client)) outlived.set(client, user);
  };
  /** Those of others, and open ones that nobody else is known to have: those of whoever was signed in. */
  const lostBindings = async (): Promise<readonly Binding[]> => {
    const noted = await watch.readUser();
    const others = [...outlived].map(([client, user]) => ({ client, user }));
    return [...(noted?.others ?? []), ...others, ...(await openUnder(known?.user ?? noted?.user ?? ''))];
  };
  const control = createControl(name, lostBindings, now);
  const watch = createStorageWatch({ witness, now, newId, beside: control });
  let reading: Promise<void> | null = null;
  let open: Opening | null = null;
  /** The last one that was opened; its signal says whether it still is. */
  let begun: Session | null = null;
  const switches = createSwitches();

  const databaseName = (user: string): string => nameOfDatabase(name, user);

  const openSession = async (user: string, secrets: Secrets = noSecrets): Promise<OpenSession> => {
    const controller = new AbortController();
    const { signal } = controller;
    const announce = (event: SyncEvent): void => {
      if (!signal.aborted) options.announce(user, event);
    };
    await control.finishWipe(databaseName(user), () => watch.forget(databaseName(user)));
    const { database, base, watched, scopes, olderRows } = await openUserDatabase({
      ...{ name: databaseName(user), user, signal, schema, migrate, environment, encryption, secrets, keys, watch },
      // The browser tells the damage of all databases to the first one that is opened; what is noted there is looked at for each.
      beforeReopening: () => control.wasLost(),
      onBlocked: () => announce({ type: 'storage-blocked' }),
      onLost: (lost) => void reopen(lost),
    });
    const given = async (): Promise<Headers | null> =>
      known?.user === user && known.withHeaders ? credentials.of(user) : (credentials.known(user) ?? {});
    const session: Session = {
      user,
      database,
      base,
      schema,
      migrate,
      olderRows,
      backend,
      environment,
      signal,
      announce,
      traffic: createTraffic(now),
      noteStorage: watch.keepNotes(database, { base, epoch: watched.epoch, schema, signal }),
      hasCredentials: async () => (await given()) !== null,
      headers: async (url) => {
        const own = await given();
        if (signal.aborted) throw signal.reason;
        if (own === null) throw noCredentials();
        return { ...own, ...(options.headers === null ? {} : await madeBy(options.headers, { user, url })) };
      },
    };
    const signedOut = new SyncError('user-changed', 'The sign-in ended. Nothing more was stored under it.');
    const end = (reason = signedOut): void => controller.abort(reason);
    session.noteStorage();
    // Behind the first answers.
    setTimeout(() => void tellUnheard(session).catch(() => undefined), 1_000);
    const engine = createEngine(session);
    const { loss } = watched;
    if (loss !== null) announce({ type: 'storage-reset', error: lossError(loss) });
    const begin = (): void => {
      begun = session;
      if (!signal.aborted) schema.useScopes(scopes);
      if (loss !== null) void engine.requestRun('start').catch(() => undefined);
    };
    return { ...session, engine, begin, end };
  };

  /** The database of the open session was lost: its session ends, and one of the new database begins, which tells the tabs. */
  const reopen = async (database: Database): Promise<void> => {
    const lost = open;
    const session = await lost?.session.catch(() => null);
    if (session?.database !== database) return;
    session.end(lostError());
    if (open === lost) open = null;
    await insist(current);
  };

  const readSignIn = async (): Promise<void> => {
    const { isNew, ...stored } = await control.read();
    const noted = isNew ? await watch.readUser() : null;
    const { user, withHeaders } = noted ?? stored;
    if (isNew) await control.write({ user, withHeaders });
    known ??= { user, withHeaders };
  };

  const readKnown = async (): Promise<void> => {
    if (known !== null) return;
    reading ??= readSignIn().finally(() => {
      reading = null;
    });
    await reading;
  };

  const opening = async (): Promise<Opening> => {
    await switches.done();
    await readKnown();
    // Nothing is awaited from here on: a switch sets both at once.
    const user = known?.user ?? '';
    if (open?.user === user) return open;
    const session = openSession(user).then((opened) => {
      opened.begin();
      return opened;
    });
    const mine = { user, session };
    open = mine;
    session.catch(() => {
      if (open === mine) open = null;
    });
    return mine;
  };

  const current = async (): Promise<OpenSession> => (await opening()).session;

  const endOpen = async (): Promise<void> => {
    const old = await open?.session.catch(() => null);
    old?.end();
    open = null;
  };

  /** Whether the key opens what is open already; with a key before it, it takes that one's place. */
  const checkKey = async ({ user, database }: OpenSession, secrets: Secrets): Promise<void> => {
    if (secrets.key === null) return;
    await unlock(encryption, { database, user, secrets, keys, use: () => undefined });
  };

  const switchTo = async (user: string, headers: Headers | null, secrets: Secrets): Promise<OpenSession> => {
    await readKnown();
    if (secrets.key !== null && encryption === null) throw noEncryption();
    const before = known ?? { user: '', withHeaders: false };
    const isOther = before.user !== user;
    const kept = !isOther && headers === null;
    const next: SignInRecord = {
      user,
      withHeaders: kept ? before.withHeaders : headers !== null && Object.keys(headers).length > 0,
    };
    // What waits for its key from a tab waits no longer.
    if (isOther || secrets.key !== null) keys.interrupt();
    // What can fail comes before the switch: who hears of a failure is still signed in as before.
    const reused = isOther ? null : await open?.session.catch(() => null);
    const session = reused ?? (await openSession(user, secrets));
    try {
      if (session === reused) await checkKey(session, secrets);
      await session.database.write(['meta'], async (tx) => {
        await Promise.all([deleteMeta(tx, 'authRequired'), deleteMeta(tx, 'backoff')]);
      });
      if (isOther) await outlive(before.user);
      await control.write(next);
      await watch.noteUser(next, await control.boundToOthers(user));
    } catch (error) {
      if (session !== reused) session.end();
      throw error;
    }
    if (session !== reused) await endOpen();
    known = next;
    open = { user, session: Promise.resolve(session) };
    if (session !== reused) session.begin();
    if (!kept) credentials.forget();
    if (headers !== null) credentials.give(user, headers);
    if (isOther) keys.forget();
    if (secrets.key !== null) keys.give(user, secrets.key);
    return session;
  };

  const noteLeaving = async (user: string, wipe: boolean): Promise<void> => {
    await outlive(user);
    await watch.noteUser({ user: '', withHeaders: false }, await control.boundToOthers(''));
    await control.write({ user: '', withHeaders: false, ...(wipe ? { wipe: databaseName(user) } : {}) });
  };

  const forget = async (user: string, wipe: boolean): Promise<void> => {
    known = { user: '', withHeaders: false };
    credentials.forget();
    keys.forget();
    // Noted already: if it fails here, it is done before the database is next opened.
    if (wipe)
      await control.finishWipe(databaseName(user), () => watch.forget(databaseName(user))).catch(() => undefined);
  };

  const leaveLocked = async (user: string, wipe: boolean): Promise<void> => {
    if (known?.user !== user) throw signInChanged();
    keys.interrupt();
    await endOpen();
    await noteLeaving(user, wipe);
    await forget(user, wipe);
  };

  const leave = async (session: OpenSession, { wipe, before }: Leaving): Promise<void> => {
    const { user } = session;
    if (known?.user !== user) throw signInChanged();
    await endOpen();
    const last = await openSession(user);
    try {
      await before(last);
      await noteLeaving(user, wipe);
    } finally {
      last.end();
    }
    await forget(user, wipe);
  };

  const currentUser = async (): Promise<string> => {
    await readKnown();
    return known?.user ?? '';
  };

  return bindToPages(
    {
      opening,
      current,
      observed: current,
      user: currentUser,
      locked: () => keys.asked(),
      liveUrl: backend.liveUrl,
      signInsAsked: () => switches.signInsAsked(),
      signIn: (user, headers, secrets = noSecrets) => switches.signIn(() => switchTo(user, headers, secrets)),
      leave: (session, leaving) => switches.signOut(leaving.since, () => leave(session, leaving)),
      leaveLocked: (user, { since, wipe }) => switches.signOut(since, () => leaveLocked(user, wipe)),
      provideHeaders: (user, headers) => {
        if (known?.user === user) credentials.give(user, headers);
      },
      provideKey: (user, key) => {
        // An older tab may have another one than that which opened the database, and this one is needed at the sign-out.
        const isOpen = begun?.user === user && !begun.signal.aborted;
        if (known?.user === user && !isOpen) keys.give(user, key);
      },
    },
    (client, user) => control.bind(client, user),
  );
}
