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
  #losses: Loss[] = [];

  constructor(databases: Databases, signIns: SignIns) {
    this.#databases = databases;
    this.#signIns = signIns;
  }

  lose(device: Device, what: StorageLoss): void {
    const own = this.#signIns.everOn(device).filter((user) => this.#databases.has(`holdfast:${device.name}:${user}`));
    const noted = own.filter((user) => device.witness.notes.has(`holdfast:${device.name}:${user}`));
    this.#databases.lose(device.name, what === 'damaged');
    const users = what === 'damaged' ? null : noted;
    const untold = this.#losses.filter((loss) => loss.device === device && this.#missing(loss).length > 0);
    // The browser's word of damage is in the database that it made, and goes with it; notes stay, but where all is damaged.
    const isForgotten = (loss: Loss): boolean => untold.includes(loss) && (what === 'damaged' || loss.users === null);
    const kept = this.#losses.filter((loss) => !isForgotten(loss));
    const isNothing = own.length === 0 && (what === 'databases' || untold.length === 0);
    this.#losses = isNothing ? kept : [...kept, { device, after: device.events.length, users }];
  }

  /** Who is still to hear of it. */
  #missing({ device, after, users }: Loss): readonly string[] {
    const heard = device.events.slice(after).filter(({ event }) => event.type === 'storage-reset');
    if (users === null) return heard.length === 0 ? ['anybody'] : [];
    return users.filter((user) => !heard.some((each) => each.user === user));
  }

  /** Every loss was told to those whose data it was (O1): to be asked when each of them has signed in again. */
  judge(chronicle: Chronicle): void {
    for (const loss of this.#losses) {
      const missing = this.#missing(loss);
      if (missing.length > 0)
        chronicle.complain(
          'O1',
          `${loss.device.name} lost its storage, which was not told to ${missing.join(' and ')}`,
        );
    }
  }
}
