import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { BrowserContext, Page } from 'playwright';
import { launchProfile } from '../support/chromium.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BuiltApp } from './built-app.ts';
import { ask, connected, stopWorkers } from './fixture.ts';

const app = new BuiltApp('encryption');

const page = `
import { connectSync } from ${BuiltApp.importing('client/index.ts')};
globalThis.holdfast = await connectSync({ worker: '/sw.js' + location.search });
`;
const worker = `
import { batchBackend, encryptRecords, startSync } from ${BuiltApp.importing('sw/index.ts')};
const isEncrypted = self.location.search === '?encrypted';
startSync({
  name: 'locker',
  version: 1,
  tables: {
    products: { path: '/api/products', key: 'Code', columns: { Code: 'number', Name: { type: 'string', index: true } } },
    visits: { path: '/api/visits', key: 'id', columns: { id: 'string', note: { type: 'string', index: true } } },
  },
  backend: batchBackend({ url: '/sync', live: false }),
  ...(isEncrypted ? { encryption: encryptRecords() } : {}),
});
self.addEventListener('install', () => self.skipWaiting());
`;

beforeAll(async () => {
  await app.start({ page, worker });
});

afterAll(async () => {
  await app.stop();
});

const devices: Device[] = [];
afterEach(async () => {
  for (const device of devices.splice(0)) await device.close();
});

const key = 'correct horse battery staple';

class Device {
  readonly profile = mkdtempSync(path.join(app.folder, 'profile-'));
  #context: BrowserContext | undefined;

  constructor() {
    devices.push(this);
  }

  async open(search: string): Promise<Page> {
    this.#context ??= await launchProfile(this.profile);
    const tab = await this.#context.newPage();
    await tab.goto(`${app.url}/${search}`);
    await connected(tab);
    return tab;
  }

  async close(): Promise<void> {
    await this.#context?.close();
    this.#context = undefined;
  }

  /** The files of the profile that hold a text, in either of the encodings in which a browser stores it. */
  filesWith(text: string): readonly string[] {
    const needles = [Buffer.from(text, 'utf8'), Buffer.from(text, 'utf16le')];
    return readdirSync(this.profile, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .filter((file) => {
        const bytes = readFileSync(file);
        return needles.some((needle) => bytes.includes(needle));
      });
  }
}

function signIn(tab: Page, more: Readonly<Record<string, string>>): Promise<unknown> {
  const options = { user: 'ana', headers: { Authorization: 'Bearer ana-demo' }, ...more };
  return tab.evaluate(
    `holdfast.signIn(${JSON.stringify(options)}).then(() => 'signed in', (error) => error.code + ' ' + error.name)`,
  );
}

/** One word that comes from the server, one that was sent, one that was not, one in a draft. */
async function use(tab: Page): Promise<readonly string[]> {
  const words = Array.from({ length: 4 }, () => `w${randomUUID().replaceAll('-', '')}`);
  const [down, up, unsent, draft] = words;
  const headers = { Authorization: 'Bearer ana-demo', 'Content-Type': 'application/json' };
  const body = JSON.stringify({ id: randomUUID(), date: '2026-03-01', note: `from there ${down}` });
  expect((await fetch(`${app.url}/api/visits`, { method: 'POST', headers, body })).status).toBe(201);
  await tab.evaluate("holdfast.synchronize({ onBusy: 'queue' }).then(() => null)");
  const record = (note: string | undefined): object => ({ id: randomUUID(), date: '2026-03-01', note: `here ${note}` });
  expect((await ask(tab, 'POST', '/api/visits', record(up))).status).toBe(201);
  await tab.evaluate("holdfast.synchronize({ onBusy: 'queue' }).then(() => null)");
  await tab.context().setOffline(true);
  expect((await ask(tab, 'POST', '/api/visits', record(unsent))).status).toBe(201);
  await tab.evaluate(`holdfast.draft('visits', ${JSON.stringify(record(draft))}).then(() => null)`);
  return words;
}

async function notes(tab: Page): Promise<string> {
  const answer = await ask(tab, 'GET', `/api/visits?${new URLSearchParams({ filter: "note > ''", orderBy: 'note' })}`);
  return JSON.stringify(answer.body);
}

describe('encryption at rest, in Chromium', () => {
  it('leaves no word of a record in the profile, where without it they are found', async () => {
    const plain = new Device();
    const open = await plain.open('');
    expect(await signIn(open, {})).toBe('signed in');
    const readable = await use(open);
    await plain.close();
    for (const word of readable) expect([word, plain.filesWith(word).length]).not.toEqual([word, 0]);

    const device = new Device();
    const tab = await device.open('?encrypted');
    expect(await signIn(tab, { encryptionKey: key })).toBe('signed in');
    const words = await use(tab);
    for (const word of words.slice(0, 3)) expect(await notes(tab)).toContain(word);
    await device.close();
    for (const word of [...words, key]) expect([word, device.filesWith(word)]).toEqual([word, []]);

    const again = await device.open('?encrypted');
    await again.context().setOffline(true);
    expect(await again.evaluate('holdfast.state()')).toMatchObject({ locked: true });
    expect(await ask(again, 'GET', '/api/visits')).toMatchObject({ status: 423, body: { code: 'encryption-key' } });
    expect(await signIn(again, { encryptionKey: 'a guess' })).toBe('encryption-key EncryptionKeyError');
    expect(await signIn(again, { encryptionKey: key })).toBe('signed in');
    for (const word of words.slice(0, 3)) expect(await notes(again)).toContain(word);
  });

  it('goes on by itself when the worker was stopped, with the key of any tab that has it', async () => {
    const device = new Device();
    const tab = await device.open('?encrypted');
    expect(await signIn(tab, { encryptionKey: key })).toBe('signed in');
    const [, up = ''] = await use(tab);
    await tab.context().setOffline(false);
    const other = await device.open('?encrypted');
    await stopWorkers(tab);
    // The tab that asks has no key; the other one gives it.
    await expect.poll(() => notes(other), { timeout: 15_000, interval: 500 }).toContain(up);
    expect(await other.evaluate('holdfast.state()')).toMatchObject({ user: 'ana' });
  });
});
