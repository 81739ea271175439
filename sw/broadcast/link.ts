import { isPageMessage, type ConnectedMessage, type RefusedMessage, type WorkerMethods } from '../protocol/api.ts';
import { toPlainError } from '../protocol/errors.ts';
import type { SyncState } from '../protocol/run.ts';
import { Connection } from './connection.ts';
import { setPlatformTimer, type SetTimer } from './timer.ts';

/** More connections of one page than this are a page gone wrong: the oldest is closed. */
export const maxConnectionsOfPage = 4;

export interface LinkOptions {
  /** `startSync`'s name. */
  readonly name: string;
  /** The library's version. */
  readonly version: string;
  /** What a page can call, by its client id. */
  readonly methods: (page: string) => WorkerMethods;
  readonly locks: LockManager;
  /** Must answer soon whatever the database does: a page waits some seconds for it. */
  readonly state: (page: string) => Promise<SyncState>;
  /** A worker that is not active yet takes no connection: the one before it owns the database. @default always */
  readonly isActive?: () => boolean;
  /** The worker's own origin. */
  readonly origin: string;
  readonly skipWaiting: () => Promise<void>;
  /** Ends what is going at its next step, for a worker that waits to take over. @default does nothing */
  readonly giveWay?: () => void;
  /** Makes the worker the controller of uncontrolled pages. */
  readonly claim?: () => Promise<void>;
  /** Address of the server's events, if it has them. @default null */
  readonly live?: string | null;
  /** @default setTimeout */
  readonly setTimer?: SetTimer;
}

/** What a link reads of an `ExtendableMessageEvent`. */
export interface LinkMessageEvent {
  readonly data: unknown;
  readonly source: object | null;
  readonly ports: readonly MessagePort[];
  waitUntil(work: Promise<unknown>): void;
}

export interface Link {
  /** Handles a page's message to the worker; whatever is not ours is left alone. */
  onMessage(event: LinkMessageEvent): void;
}

interface PageConnection {
  readonly page: string;
  readonly connection: Connection;
}

/** The worker's half of the handshake in `protocol/api.ts`. Its memory dies with the worker, and the ports with it. */
export function createLink(options: LinkOptions): Link {
  const { methods, locks, setTimer = setPlatformTimer } = options;
  const connections = new Map<string, PageConnection>();

  async function hello(page: string): Promise<ConnectedMessage | RefusedMessage> {
    try {
      const { name, version, live = null } = options;
      return { holdfast: 1, type: 'connected', name, version, state: await options.state(page), live };
    } catch (error) {
      return { holdfast: 1, type: 'refused', error: toPlainError(error) };
    }
  }

  function connect(id: string, page: string, port: MessagePort): Promise<void> {
    const own = [...connections.values()].filter((each) => each.page === page);
    if (own.length >= maxConnectionsOfPage) own[0]?.connection.close();
    const connection = new Connection(id, port, {
      methods: methods(page),
      locks,
      setTimer,
      onClose: () => {
        connections.delete(id);
      },
    });
    connections.set(id, { page, connection });
    return connection.open(() => hello(page));
  }

  return {
    onMessage(event) {
      const page = pageOf(event.source, options.origin);
      const message = event.data;
      if (page === null || !isPageMessage(message)) return;
      switch (message.type) {
        case 'connect': {
          const [port] = event.ports;
          if (port === undefined || connections.has(message.connection)) return;
          if (options.isActive?.() === false) return;
          event.waitUntil(connect(message.connection, page, port));
          // Refused while the worker is not the active one; then a later connection asks again.
          if (message.claim === true) event.waitUntil((options.claim?.() ?? Promise.resolve()).catch(() => undefined));
          break;
        }
        case 'keep-alive':
          event.waitUntil(connections.get(message.connection)?.connection.keepAlive(message.call) ?? Promise.resolve());
          break;
        case 'skip-waiting':
          event.waitUntil(options.skipWaiting());
          break;
        case 'give-way':
          options.giveWay?.();
          break;
      }
    },
  };
}

/** The client id of a window of this origin, or null for whatever else can post a message. */
function pageOf(source: object | null, origin: string): string | null {
  if (source === null || !('id' in source && 'type' in source && 'url' in source)) return null;
  const { id, type, url } = source;
  if (typeof id !== 'string' || type !== 'window' || typeof url !== 'string') return null;
  return URL.canParse(url) && new URL(url).origin === origin ? id : null;
}
