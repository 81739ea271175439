import { EncryptionKeyError } from '../protocol/errors.ts';
import type { RowCodec } from './database.ts';
import type { UnlockRequest } from './encryption.ts';
import type { MetaValues } from './meta-values.ts';
import type { Keyring } from './keyring.ts';
import { getMeta, setMeta } from './meta.ts';
import { sealStoredRows } from './seal-stored-rows.ts';

type StoredKey = MetaValues['encryption'];

function locked(): EncryptionKeyError {
  return new EncryptionKeyError(
    'The local database is encrypted, and no page has given its key since the worker started. Sign in with encryptionKey; nothing was deleted.',
  );
}

/** The key's slot is stored before the first row is encrypted under it. */
async function createStored({ database }: UnlockRequest, keyring: Keyring, secret: string): Promise<StoredKey> {
  const made = { slot: await keyring.createSlot(secret), rowsLeft: true };
  return database.write(['meta'], async (tx) => {
    const other = await getMeta(tx, 'encryption');
    if (other === undefined) await setMeta(tx, 'encryption', made);
    return other ?? made;
  });
}

async function changeKey(
  { database }: UnlockRequest,
  keyring: Keyring,
  stored: StoredKey,
  secrets: { readonly from: string; readonly to: string },
): Promise<RowCodec> {
  const slot = await keyring.rewrap(stored.slot, secrets);
  await database.write(['meta'], (tx) => setMeta(tx, 'encryption', { ...stored, slot }));
  return keyring.unlock(slot, secrets.to);
}

async function openWithGiven(
  request: UnlockRequest,
  keyring: Keyring,
  stored: StoredKey,
  key: string,
): Promise<RowCodec> {
  const { previousKey } = request.secrets;
  try {
    return await keyring.unlock(stored.slot, key);
  } catch (error) {
    if (previousKey === null || !(error instanceof EncryptionKeyError)) throw error;
    // Not before the new one was tried: a change that was stored, and whose answer was lost, is called for again.
    return changeKey(request, keyring, stored, { from: previousKey, to: key });
  }
}

/** A tab may have an older key than another: each is tried, until no tab has one that was not. */
async function openWithKnown({ user, keys }: UnlockRequest, keyring: Keyring, stored: StoredKey): Promise<RowCodec> {
  for (;;) {
    const key = await keys.of(user);
    if (key === null) throw locked();
    try {
      return await keyring.unlock(stored.slot, key);
    } catch (error) {
      if (!(error instanceof EncryptionKeyError)) throw error;
      keys.refuse(key);
    }
  }
}

/** `Encryption.unlock` with the keys of a keyring. */
export async function unlockDatabase(keyring: Keyring, request: UnlockRequest): Promise<void> {
  const { database, user, secrets, keys, use } = request;
  const before = await database.read(['meta'], (tx) => getMeta(tx, 'encryption'));
  const given = secrets.key ?? (before === undefined ? await keys.of(user) : null);
  if (before === undefined && given === null) throw locked();
  const stored = before ?? (await createStored(request, keyring, given ?? ''));
  use(
    await (given === null ? openWithKnown(request, keyring, stored) : openWithGiven(request, keyring, stored, given)),
  );
  if (!stored.rowsLeft) return;
  await sealStoredRows(database);
  await database.write(['meta'], async (tx) => {
    const now = await getMeta(tx, 'encryption');
    if (now !== undefined) await setMeta(tx, 'encryption', { ...now, rowsLeft: false });
  });
}
