import { clone } from './clone.ts';

/** One end of a channel. Its messages are for a handler that is set before they come. */
class Port {
  onmessage: ((message: { readonly data: unknown }) => void) | null = null;
  other: Port | null = null;

  postMessage(data: unknown): void {
    const { other } = this;
    const message = { data: clone(data) };
    setImmediate(() => other?.onmessage?.(message));
  }

  /** Nothing comes any more at either end. */
  close(): void {
    if (this.other !== null) this.other.onmessage = null;
    this.onmessage = null;
  }
}

/** Stands in for the platform's, whose messages come at moments of their own: these come in their turn among the tasks of a world. */
export class MessageChannel {
  readonly port1: Port = new Port();
  readonly port2: Port = new Port();

  constructor() {
    this.port1.other = this.port2;
    this.port2.other = this.port1;
  }
}
