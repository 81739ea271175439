import type { PageEnvironment } from './environment.ts';
import type { LiveFeed } from './live-feed.ts';

export interface LiveSubscriptionOptions {
  readonly environment: PageEnvironment;
  /** With each request for the server's events. */
  readonly headers: () => Readonly<Record<string, string>>;
  /** There is something to download. */
  readonly onChanged: () => void;
}

interface Place {
  /** `startSync`'s name. */
  readonly name: string;
  /** Null: the server has no events. */
  readonly url: string | null;
  readonly user: string | null;
}

/** Listens to the events of the server that the worker names, as long as somebody is signed in. */
export class LiveSubscription {
  readonly #options: LiveSubscriptionOptions;
  #feed: LiveFeed | null = null;
  #place: Place | null = null;

  constructor(options: LiveSubscriptionOptions) {
    this.#options = options;
  }

  listen(name: string, url: string | null, user: string | null): void {
    const known = this.#place;
    if (known !== null && known.name === name && known.url === url && known.user === user) return;
    this.close();
    const place = (this.#place = { name, url, user });
    if (url === null || user === null || user === '') return;
    const { environment, headers, onChanged } = this.#options;
    // Most apps' servers have no events: the code is loaded where they have. Without it the other triggers are enough.
    import('./live-feed.ts').then(
      ({ LiveFeed: Feed }) => {
        if (this.#place !== place) return;
        this.#feed = new Feed({
          name,
          url,
          environment,
          headers: () => ({ ...headers(), 'sync-expect-user': encodeURIComponent(user) }),
          onChanged,
        });
      },
      () => undefined,
    );
  }

  /** Where it listens already, it goes on as this user. */
  listenAs(user: string | null): void {
    if (this.#place !== null) this.listen(this.#place.name, this.#place.url, user);
  }

  close(): void {
    this.#feed?.close();
    this.#feed = null;
    this.#place = null;
  }
}
