type Path = readonly (string | number)[];

type Aside =
  | { readonly at: Path; readonly type: 'buffer' | 'uint8' | 'uint32' | 'float64'; readonly length: number }
  /** A number that JSON has no text for. */
  | { readonly at: Path; readonly type: 'number'; readonly text: string };

const headBytes = 4;

function bytesOf(value: ArrayBuffer | ArrayBufferView): Uint8Array {
  return value instanceof ArrayBuffer
    ? new Uint8Array(value)
    : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function typeOf(value: ArrayBuffer | ArrayBufferView): Exclude<Aside['type'], 'number'> {
  if (value instanceof ArrayBuffer) return 'buffer';
  if (value instanceof Uint8Array) return 'uint8';
  if (value instanceof Uint32Array) return 'uint32';
  if (value instanceof Float64Array) return 'float64';
  throw new TypeError(`A ${value.constructor.name} cannot be stored encrypted.`);
}

/**
 * A stored value as bytes: JSON, with what JSON cannot hold set aside behind it. Exact for all that the stores hold; anything
 * else throws, so that nothing is stored altered.
 */
export function encodeValue(value: unknown): Uint8Array<ArrayBuffer> {
  const asides: Aside[] = [];
  const parts: Uint8Array[] = [];

  const plain = (part: unknown, at: Path): unknown => {
    if (typeof part === 'number' && (!Number.isFinite(part) || Object.is(part, -0))) {
      asides.push({ at, type: 'number', text: Object.is(part, -0) ? '-0' : String(part) });
      return null;
    }
    if (part === null || part === undefined || typeof part !== 'object') {
      if (typeof part === 'bigint' || typeof part === 'function' || typeof part === 'symbol')
        throw new TypeError(`A ${typeof part} cannot be stored encrypted.`);
      return part;
    }
    if (part instanceof ArrayBuffer || ArrayBuffer.isView(part)) {
      const bytes = bytesOf(part);
      asides.push({ at, type: typeOf(part), length: bytes.length });
      parts.push(bytes);
      return null;
    }
    if (Array.isArray(part)) {
      return part.map((item: unknown, index) => {
        if (item === undefined) throw new TypeError('A list with a gap cannot be stored encrypted.');
        return plain(item, [...at, index]);
      });
    }
    const prototype: unknown = Object.getPrototypeOf(part);
    if (prototype !== Object.prototype && prototype !== null)
      throw new TypeError('An object of a class cannot be stored encrypted.');
    // `fromEntries` makes own properties of all names, `__proto__` too.
    return Object.fromEntries(Object.entries(part).map(([name, item]) => [name, plain(item, [...at, name])]));
  };

  const json = new TextEncoder().encode(JSON.stringify([plain(value, []), asides]));
  const total = headBytes + json.length + parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(total);
  new DataView(bytes.buffer).setUint32(0, json.length);
  bytes.set(json, headBytes);
  let end = headBytes + json.length;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.length;
  }
  return bytes;
}

function restored(aside: Aside, bytes: Uint8Array): unknown {
  if (aside.type === 'number') return aside.text === '-0' ? -0 : Number(aside.text);
  const buffer = bytes.slice().buffer;
  switch (aside.type) {
    case 'buffer':
      return buffer;
    case 'uint8':
      return new Uint8Array(buffer);
    case 'uint32':
      return new Uint32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
  }
}

function put(root: { value: unknown }, at: Path, value: unknown): void {
  let holder: object = root;
  let name: string | number = 'value';
  for (const next of at) {
    const inner: unknown = Reflect.get(holder, name);
    if (typeof inner !== 'object' || inner === null) throw new TypeError('The stored bytes are damaged.');
    holder = inner;
    name = next;
  }
  Object.defineProperty(holder, name, { value, configurable: true, enumerable: true, writable: true });
}

/** The value that `encodeValue` made these bytes of. */
export function decodeValue(bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const jsonEnd = headBytes + view.getUint32(0);
  const text = new TextDecoder().decode(bytes.subarray(headBytes, jsonEnd));
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the bytes are authentic: `encodeValue` wrote this pair
  const [value, asides] = JSON.parse(text) as [unknown, readonly Aside[]];
  const root = { value };
  let end = jsonEnd;
  for (const aside of asides) {
    const length = aside.type === 'number' ? 0 : aside.length;
    put(root, aside.at, restored(aside, bytes.subarray(end, end + length)));
    end += length;
  }
  return root.value;
}
