import { createServer, request, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { freePort } from '../support/free-port.ts';
import { BuiltApp } from './built-app.ts';
import { stopWorkers } from './fixture.ts';

const app = new BuiltApp('csp');
/** No eval, no scripts but the app's own, and no text where a script's address is due. */
const policy =
  "default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types app";
let front: Server;
let url: string;

const page = `
import { connectSync } from ${BuiltApp.importing('client/index.ts')};
globalThis.violations = [];
addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective + ' ' + event.sample));
const addresses = trustedTypes.createPolicy('app', {
  createScriptURL: (address) => {
    if (address !== '/sw.js') throw new TypeError('No script of ours.');
    return address;
  },
});
globalThis.refused = await connectSync({ worker: new URL(location.href).searchParams.get('worker') }).catch((error) => error.code);
globalThis.holdfast = await connectSync({ worker: addresses.createScriptURL('/sw.js') });
`;
const worker = `
import { batchBackend, startSync } from ${BuiltApp.importing('sw/index.ts')};
startSync({
  name: 'strict',
  version: 1,
  tables: { visits: { path: '/api/visits', key: 'id', columns: { id: 'string', note: { type: 'string', index: true } } } },
  backend: batchBackend({ url: '/sync', live: false }),
});
self.addEventListener('securitypolicyviolation', (event) => {
  throw new Error(event.violatedDirective);
});
self.addEventListener('install', () => self.skipWaiting());
`;

beforeAll(async () => {
  await app.start({ page, worker });
  const port = await freePort();
  const origin = new URL(app.url);
  front = createServer((incoming, outgoing) => {
    const { method, headers, url: target } = incoming;
    const onwards = request({ host: origin.hostname, port: origin.port, method, path: target, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, { ...answer.headers, 'content-security-policy': policy });
      answer.pipe(outgoing);
    });
    incoming.pipe(onwards);
  }).listen(port, '127.0.0.1');
  url = `http://127.0.0.1:${port}`;
});

afterAll(async () => {
  front.closeAllConnections();
  front.close();
  await app.stop();
});

describe('a strict content security policy with Trusted Types, in Chromium', () => {
  it('lets everything work, and a worker’s address from a parameter is refused by construction', async () => {
    const browser = await launchChromium();
    try {
      const device = await browser.newContext();
      const tab = await device.newPage();
      await tab.goto(`${url}/?worker=/elsewhere.js`);
      const tools = await device.newCDPSession(tab);
      // The driver's own way needs eval.
      const run = async (expression: string): Promise<unknown> => {
        const how = { awaitPromise: true, returnByValue: true, allowUnsafeEvalBlockedByCSP: false };
        const { result, exceptionDetails } = await tools.send('Runtime.evaluate', { expression, ...how });
        if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description);
        const value: unknown = result.value;
        return value;
      };
      const answer = (address: string, options: object = {}): Promise<unknown> =>
        run(`fetch(${JSON.stringify(address)}, ${JSON.stringify(options)}).then((answer) => answer.text())`);
      const isConnected = 'globalThis.holdfast !== undefined && navigator.serviceWorker.controller !== null';
      await expect.poll(() => run(isConnected), { timeout: 30_000, interval: 200 }).toBe(true);
      expect(await run('refused')).toBe('configuration');
      const options = JSON.stringify({ user: 'ana', headers: { Authorization: 'Bearer ana-demo' } });
      await run(`holdfast.signIn(${options}).then(() => null)`);
      const body = JSON.stringify({ id: 'csp', date: '2026-03-01', note: 'strict' });
      expect(await answer('/api/visits', { method: 'POST', body })).toContain('"csp"');
      const outcome = "holdfast.synchronize({ onBusy: 'queue' }).then((result) => result.outcome)";
      expect(await run(outcome)).toBe('finished');
      const filter = new URLSearchParams({ filter: "note LIKE 'st%'", orderBy: '-note' });
      expect(await answer(`/api/visits?${filter}`)).toContain('"csp"');
      await stopWorkers(tab);
      expect(await run("holdfast.setStatus('visits', 1, \"id = 'csp'\")")).toBe(1);
      // That one address, and nothing else.
      expect(await run('violations')).toEqual([expect.stringContaining('require-trusted-types-for')]);
    } finally {
      await browser.close();
    }
  });
});
