import type { Chronicle } from './chronicle.ts';
import type { Command } from './commands.ts';
import type { KnownKeys } from './known-keys.ts';
import type { Page, PageLink } from './page-link.ts';
import type { SignIns } from './sign-ins.ts';

type SignOut = Extract<Command, { readonly type: 'sign-out' }>;

interface Parts {
  readonly chronicle: Chronicle;
  readonly signIns: SignIns;
  readonly link: PageLink;
  readonly keys: KnownKeys;
}

/** Signs a page's user out, where it is known who that is. Settles when it has happened, was refused, or the worker died over it. */
export async function signOut({ chronicle, signIns, link, keys }: Parts, page: Page, options: SignOut): Promise<void> {
  const { device, id } = page;
  const { unsent, data } = options;
  const user = signIns.userOf(device, id);
  if (user === null) return;
  const signIn = signIns.begin(device, null);
  // What became of temporary keys goes with the data; where work in flight is thrown away, nobody hears of it.
  const forgets = data === 'remove' || unsent === 'discard';
  if (forgets) keys.forget(device.name, user);
  const refusals: string[] = [];
  const isDone = await link.call(
    page,
    'signOut',
    (methods) => methods.signOut({ unsent, data }),
    (code) => {
      refusals.push(code);
      signIns.refused(signIn);
    },
  );
  if (isDone !== null) {
    signIns.happened(signIn);
    if (forgets) keys.forget(device.name, user);
    // The app shows its sign-in page to everybody.
    device.pages = [];
    device.openPage();
  }
  // Refused for these, nothing was looked at yet, or nothing may be gone.
  const isUntouched = refusals.includes('user-changed') || refusals.includes('unsent');
  if (unsent === 'discard' && !isUntouched) chronicle.discardUnsent(device.name, user);
}
