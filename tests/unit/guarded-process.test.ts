import { once } from 'node:events';
import { expect, it } from 'vitest';
import { startGuarded } from '../support/engines/guarded-process.ts';

it('ends with all that it has started when whoever started it is gone', async () => {
  const { process: guarded } = startGuarded('sh', ['-c', 'sleep 600 & echo started; wait']);
  const { stdin, stdout } = guarded;
  if (stdin === null || stdout === null) throw new Error('It has no pipes.');
  await once(stdout, 'data');
  // When nothing that it has started can write any more.
  const ended = once(guarded, 'close');
  // As the system does when this process dies, however it does.
  stdin.end();
  expect(await ended).toEqual([null, 'SIGKILL']);
});
