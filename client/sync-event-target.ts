import { fromPlainError } from '../sw/protocol/errors.ts';
import type { SyncEvent, SyncEventType } from '../sw/protocol/events.ts';
import type { SyncEventDetails, SyncEventListener } from './sync-client.ts';

/** Turns the worker's events into DOM events. Until `release` they wait, since nobody can listen yet. */
export class SyncEventTarget extends EventTarget {
  #held: Event[] | null = [];
  #silent = false;

  override addEventListener<T extends SyncEventType>(
    type: T,
    listener: SyncEventListener<T> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener, options);
  }

  override removeEventListener<T extends SyncEventType>(
    type: T,
    listener: SyncEventListener<T> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener, options);
  }

  protected tell(event: SyncEvent): void {
    switch (event.type) {
      case 'progress':
        this.#dispatch('progress', event.progress);
        break;
      case 'finished':
        this.#dispatch('finished', event.result);
        break;
      case 'state':
        this.#dispatch('state', event.state);
        break;
      case 'auth-required':
      case 'storage-reset':
        this.#dispatch(event.type, fromPlainError(event.error));
        break;
      case 'storage-blocked':
      case 'update-waiting':
        this.#dispatch(event.type, null);
        break;
      case 'credentials-wanted':
        break;
      case 'started':
      case 'busy':
      case 'changed':
      case 'pending':
      case 'failure':
      case 'conflict':
      case 'unknown-outcome':
        this.#dispatch(event.type, event);
        break;
    }
  }

  protected release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const event of held) if (!this.#silent) this.dispatchEvent(event);
  }

  protected silence(): void {
    this.#silent = true;
  }

  #dispatch<T extends SyncEventType>(type: T, detail: SyncEventDetails[T]): void {
    const event = new CustomEvent(type, { detail });
    if (this.#held !== null) this.#held.push(event);
    else if (!this.#silent) this.dispatchEvent(event);
  }
}
