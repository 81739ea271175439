import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EnginePage } from '../support/engines/engine.ts';
import { installedEngines } from '../support/engines/launch.ts';
import { firstOf, on, refuseWith, withoutNews } from '../support/faults/plans.ts';
import { ask, EngineDemo } from './fixture.ts';
import { rowsIn, settled } from '../support/in-page.ts';

const patience = { timeout: 60_000, interval: 100 };
const total = "fetch('/api/places?limit=1').then((list) => list.headers.get('X-Total-Count'))";

/** How many pieces of the copy are stored, staged ones among them. */
const countPieces = (page: EnginePage): Promise<unknown> => page.evaluate(rowsIn('leaves', 'segments'));

// WebKitGTK under WebDriver has no setting for the quota of an origin.
const limited = installedEngines().filter((engine) => engine !== 'webkit');

describe.each(limited)('the storage of %s', (engine) => {
  const demo = new EngineDemo(engine);
  beforeAll(() => demo.start());
  afterAll(() => demo.stop());

  it.each(['full: false', 'full: true'])(
    'that is full in the middle of a download (%s) tells quota, drops what was staged, keeps the copy, and takes small writes',
    async (extent) => {
      const browser = await demo.launch({ quotaBytes: 14_000_000 });
      const page = await demo.open(browser);
      demo.faults.plan = withoutNews;
      expect(await page.evaluate(settled)).toBe('finished');
      const [copy, pieces] = [await page.evaluate(total), await countPieces(page)];
      // Somebody else has filled the server with what does not fit here; a database cannot pack it.
      const note = randomBytes(375_000).toString('base64');
      await demo.server.database.query(
        "insert into visits (id, date, note, _owner, _version, _edited, _xact, _text) select 'big-' || n, null, $1, 'ana', nextval('sync_version'), 1, pg_current_xact_id(), json_build_object('id', 'big-' || n, 'note', $1::text || n)::text from generate_series(1, 60) as n",
        [note],
      );
      const code = `holdfast.synchronize({ ${extent}, onBusy: 'queue' }).then(() => null, (error) => error.code)`;
      expect(await page.evaluate(code)).toBe('quota');
      expect(await page.evaluate(total)).toBe(copy);
      expect(await ask(page, 'GET', '/api/visits/big-1')).toMatchObject({ status: 404 });
      demo.faults.plan = firstOf(withoutNews, on('/sync/upload', refuseWith(503)));
      const ids = Array.from({ length: 10 }, () => randomUUID());
      for (const id of ids) {
        expect(await ask(page, 'POST', '/api/visits', { id, note: 'small' })).toMatchObject({ status: 201 });
      }
      await expect.poll(() => countPieces(page), patience).toBe(pieces);
      await demo.server.database.query("delete from visits where id like 'big-%'");
      demo.faults.plan = withoutNews;
      await expect.poll(() => page.evaluate(settled), patience).toBe('finished');
      for (const id of ids) expect(await demo.visitRows(id)).toMatchObject([{ note: 'small' }]);
      expect(await page.evaluate('holdfast.state()')).toMatchObject({ pending: 0, failures: 0 });
      await browser.close();
    },
  );
});
