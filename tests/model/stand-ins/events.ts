type Callback = ((event: FakeEvent) => void) | { readonly handleEvent: (event: FakeEvent) => void };

interface Listener {
  readonly type: string;
  readonly callback: Callback;
}

interface EventOptions {
  readonly bubbles?: boolean;
  readonly cancelable?: boolean;
}

/** Stands in for the events of fake-indexeddb, as far as anybody asks for them here. */
export class FakeEvent {
  readonly type: string;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  /** From the outermost to the innermost. */
  eventPath: FakeEventTarget[] = [];
  target: FakeEventTarget | null = null;
  currentTarget: FakeEventTarget | null = null;
  canceled = false;
  isStopped = false;

  constructor(type: string, { bubbles = false, cancelable = false }: EventOptions = {}) {
    this.type = type;
    this.bubbles = bubbles;
    this.cancelable = cancelable;
  }

  preventDefault(): void {
    if (this.cancelable) this.canceled = true;
  }

  stopPropagation(): void {
    this.isStopped = true;
  }
}

/** Stands in for the event targets of fake-indexeddb: without the capturing phase, for which nobody listens. */
export class FakeEventTarget {
  #listeners: Listener[] = [];

  addEventListener(type: string, callback: Callback): void {
    this.#listeners = [...this.#listeners, { type, callback }];
  }

  removeEventListener(type: string, callback: Callback): void {
    this.#listeners = this.#listeners.filter((each) => each.type !== type || each.callback !== callback);
  }

  /** Throws what listeners threw, after all of them were called. */
  dispatchEvent(event: FakeEvent): boolean {
    event.target = this;
    this.#invoke(event);
    if (event.bubbles) {
      for (const outer of event.eventPath.toReversed()) if (!event.isStopped) outer.#invoke(event);
    }
    event.currentTarget = null;
    return !event.canceled;
  }

  #invoke(event: FakeEvent): void {
    event.currentTarget = this;
    let errors: unknown[] | null = null;
    const { type } = event;
    for (const listener of this.#listeners) {
      if (listener.type !== type) continue;
      const error = call(listener.callback, this, event);
      if (error !== null) errors = [...(errors ?? []), error.thrown];
    }
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- what was set as a handler
    const handler = Reflect.get(this, handlers[type] ?? '') as Callback | null | undefined;
    const error = handler ? call(handler, this, event) : null;
    if (error !== null) errors = [...(errors ?? []), error.thrown];
    if (errors !== null) throw new AggregateError(errors);
  }
}

const handlers: Readonly<Record<string, string>> = {
  abort: 'onabort',
  blocked: 'onblocked',
  close: 'onclose',
  complete: 'oncomplete',
  error: 'onerror',
  success: 'onsuccess',
  upgradeneeded: 'onupgradeneeded',
  versionchange: 'onversionchange',
};

/** What the callback threw. */
function call(callback: Callback, target: FakeEventTarget, event: FakeEvent): { readonly thrown: unknown } | null {
  try {
    if (typeof callback === 'function') callback.call(target, event);
    else callback.handleEvent(event);
    return null;
  } catch (thrown) {
    return { thrown };
  }
}
