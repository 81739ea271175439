const platformClone = structuredClone;

/** Clones plain values, of which rows are made, without the detour of the platform; others as it does. */
export function clone(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function' || typeof value === 'symbol' ? platformClone(value) : value;
  }
  if (Array.isArray(value)) return value.map(clone);
  if (value instanceof ArrayBuffer) return value.slice(0);
  if (Object.getPrototypeOf(value) !== Object.prototype) return platformClone(value);
  const made: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) {
    if (name === '__proto__') return platformClone(value);
    made[name] = clone(part);
  }
  return made;
}
