const platformClone = structuredClone;

function isPlain(value: object): value is Record<string, unknown> {
  return Object.getPrototypeOf(value) === Object.prototype;
}

/** Clones plain values, of which rows are made, without the detour of the platform; others as it does. */
export function clone(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function' || typeof value === 'symbol' ? platformClone(value) : value;
  }
  if (Array.isArray(value)) return value.map(clone);
  if (value instanceof ArrayBuffer) return value.slice(0);
  if (!isPlain(value)) return platformClone(value);
  const made = { ...value };
  for (const name in made) {
    const part = made[name];
    if ((typeof part === 'object' && part !== null) || typeof part === 'function' || typeof part === 'symbol')
      made[name] = clone(part);
  }
  return made;
}
