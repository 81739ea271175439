import type { User } from './commands.ts';
import type { Device } from './device.ts';

interface SignIn {
  readonly device: Device;
  /** Null: somebody signs out. */
  readonly user: User | null;
}

/** Who is signed in where, as far as the apps can know it. */
export class SignIns {
  readonly #current = new Map<Device, User>();
  readonly #ever = new Map<Device, Set<User>>();
  /** Those of which it is not known whether they happened: under way, or the worker died over them. */
  #unsettled: SignIn[] = [];
  readonly #forgotten = new Set<Device>();
  /** Under whom a page has been answered. */
  readonly #bound = new Map<string, User>();

  of(device: Device): User | undefined {
    return this.#current.get(device);
  }

  /** Who has ever signed in on a device, and may have left work there: whoever is signed in comes first. */
  everOn(device: Device): readonly User[] {
    const now = this.#current.get(device);
    return [...(this.#ever.get(device) ?? [])].sort((a, b) => Number(b === now) - Number(a === now));
  }

  /** Under whom the page asks; null where that cannot be known. */
  userOf(device: Device, page: string): User | null {
    const bound = this.#bound.get(page);
    if (bound !== undefined) return bound;
    if (this.#forgotten.has(device) || this.#unsettled.some((each) => each.device === device)) return null;
    return this.#current.get(device) ?? null;
  }

  bind(page: string, user: User): void {
    if (!this.#bound.has(page)) this.#bound.set(page, user);
  }

  /** Neither who is signed in is known there any more, nor whose its pages are, until somebody has signed in again. */
  forget(device: Device): void {
    this.#forgotten.add(device);
    for (const page of this.#bound.keys()) if (page.startsWith(`${device.name}-`)) this.#bound.delete(page);
  }

  begin(device: Device, user: User | null): SignIn {
    const signIn = { device, user };
    this.#unsettled.push(signIn);
    return signIn;
  }

  /** It happened: what was begun before it did so before it, or never will. */
  happened(signIn: SignIn): void {
    const { device, user } = signIn;
    const at = this.#unsettled.indexOf(signIn);
    this.#unsettled = this.#unsettled.filter((each, index) => each.device !== device || index > at);
    this.#forgotten.delete(device);
    if (user === null) {
      this.#current.delete(device);
      return;
    }
    this.#current.set(device, user);
    this.#ever.set(device, (this.#ever.get(device) ?? new Set()).add(user));
  }

  refused(signIn: SignIn): void {
    this.#unsettled = this.#unsettled.filter((each) => each !== signIn);
  }
}
