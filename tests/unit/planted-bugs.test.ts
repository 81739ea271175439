import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { plantedBugs } from '../model/planted-bugs.ts';

const root = path.resolve(import.meta.dirname, '../..');
const edits = plantedBugs.flatMap(({ name, edits: own }) => own.map((edit) => ({ name, ...edit })));

describe('a planted bug has its place in the sources', () => {
  it.each(edits)('$name: $file', ({ file, find }) => {
    const places = readFileSync(path.join(root, file), 'utf8').split(find).length - 1;
    expect(places, `The model's planted bug replaces this text, which must be there once:\n${find}`).toBe(1);
  });

  it('and there are the fifteen that must be found, and more', () => {
    expect(plantedBugs.length).toBeGreaterThanOrEqual(15);
  });
});
