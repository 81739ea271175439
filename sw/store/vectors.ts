import {
  columnValue,
  compareValues,
  type ColumnBounds,
  type ColumnVector,
  type ColumnVectors,
  type ComparedValue,
} from '../filter/index.ts';
import type { JsonRecord } from '../protocol/record.ts';
import type { Column } from './schema.ts';

function numberVector(values: readonly ComparedValue[]): ColumnVector | null {
  const numbers = new Float64Array(values.length);
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row] ?? null;
    if (typeof value === 'string') return null;
    numbers[row] = value ?? Number.NaN;
  }
  return { type: 'number', values: numbers, nulls: null };
}

function stringVector(values: readonly ComparedValue[]): ColumnVector {
  const ends = new Uint32Array(values.length);
  let nulls: Uint8Array | null = null;
  let end = 0;
  const texts = values.map((value, row) => {
    if (value === null) {
      nulls ??= new Uint8Array(values.length);
      nulls[row] = 1;
    }
    const text = value === null ? '' : String(value);
    end += text.length;
    ends[row] = end;
    return text;
  });
  return { type: 'string', text: texts.join(''), ends, nulls };
}

/**
 * The declared columns of a leaf's records as vectors. A column whose values are not all of its type (a text in a number
 * column) has none in this leaf: who needs it parses the leaf.
 */
export function buildVectors(columns: Iterable<Column>, records: readonly JsonRecord[]): ColumnVectors {
  const vectors: Record<string, ColumnVector> = {};
  for (const { name, type } of columns) {
    const values = records.map((record) => columnValue(Object.hasOwn(record, name) ? record[name] : null, type));
    const vector = type === 'string' ? stringVector(values) : numberVector(values);
    if (vector !== null) vectors[name] = vector;
  }
  return vectors;
}

/** The value of one row, as `columnValue` made it. */
export function vectorValue(vector: ColumnVector, row: number): ComparedValue {
  if (vector.nulls?.[row]) return null;
  if (vector.type === 'number') {
    const value = vector.values[row] ?? Number.NaN;
    return Number.isNaN(value) ? null : value;
  }
  return vector.text.slice(row === 0 ? 0 : vector.ends[row - 1], vector.ends[row]);
}

/** The least and greatest value of each indexed column that has a vector. */
export function boundsOf(
  columns: Iterable<Column>,
  vectors: ColumnVectors,
  count: number,
): Record<string, ColumnBounds> {
  const bounds: Record<string, ColumnBounds> = {};
  for (const { name, type, index } of columns) {
    const vector = Object.hasOwn(vectors, name) ? vectors[name] : undefined;
    if (!index || vector === undefined) continue;
    const compare = compareValues(type);
    let min: string | number | null = null;
    let max: string | number | null = null;
    let hasNull = false;
    for (let row = 0; row < count; row += 1) {
      const value = vectorValue(vector, row);
      if (value === null) hasNull = true;
      else {
        if (min === null || compare(value, min) < 0) min = value;
        if (max === null || compare(value, max) > 0) max = value;
      }
    }
    bounds[name] = { min, max, hasNull };
  }
  return bounds;
}
