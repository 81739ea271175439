import type { Chronicle } from './chronicle.ts';
import type { StorageLoss } from './commands.ts';
import type { Device } from './device.ts';
import type { SignIns } from './sign-ins.ts';
import type { Databases } from './tasks.ts';

interface Loss {
  readonly device: Device;
  /** Events of the device before it. */
  readonly after: number;
  /** Each of these users is to hear of it; null: whoever comes first. */
  readonly users: readonly string[] | null;
}

/** Storage that went, and who must be told. */
export class Losses {
  readonly #databases: Databases;
  readonly #signIns: SignIns;
  readonly #losses: Loss[] = [];

  constructor(databases: Databases, signIns: SignIns) {
    this.#databases = databases;
    this.#signIns = signIns;
  }

  lose(device: Device, what: StorageLoss): void {
    const own = this.#signIns.everOn(device).filter((user) => this.#databases.has(`holdfast:${device.name}:${user}`));
    const noted = own.filter((user) => device.witness.notes.has(`holdfast:${device.name}:${user}`));
    this.#databases.lose(device.name, what === 'damaged');
    const users = what === 'damaged' ? null : noted;
    if (own.length > 0) this.#losses.push({ device, after: device.events.length, users });
  }

  /** Every loss was told to those whose data it was (O1): to be asked when each of them has signed in again. */
  judge(chronicle: Chronicle): void {
    for (const { device, after, users } of this.#losses) {
      const heard = device.events.slice(after).filter(({ event }) => event.type === 'storage-reset');
      const missing = users?.filter((user) => !heard.some((each) => each.user === user)) ?? [];
      if (users === null ? heard.length === 0 : missing.length > 0)
        chronicle.complain('O1', `${device.name} lost its storage, and ${missing.join(' and ') || 'nobody'} was told`);
    }
  }
}
