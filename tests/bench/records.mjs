/** A small seeded generator, so that every run and every subject has the same records. @param {number} seed */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const recordLength = 236;

/** The JSON of `count` bench records of 236 bytes each, in key order. @param {number} count */
export function makeRecords(count) {
  const random = mulberry32(20_260_101);
  return Array.from({ length: count }, (_, index) => {
    const record = {
      id: `k${String(index).padStart(9, '0')}`,
      name: `Item ${Math.floor(random() * 1e6)}`,
      stock: Math.floor(random() * 1000),
      price: Math.floor(random() * 10_000) / 100,
      category: `c${Math.floor(random() * 50)}`,
      updated: new Date(1.7e12 + Math.floor(random() * 1e10)).toISOString(),
      desc: '',
    };
    record.desc = 'x'.repeat(recordLength - JSON.stringify(record).length);
    return JSON.stringify(record);
  });
}
