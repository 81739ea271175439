import type { FilterOperator } from '../protocol/filter-tree.ts';

/**
 * SQLite's three truth values in ascending order, so that AND is the least, OR the greatest, and NOT the distance from
 * TRUE.
 */
export const FALSE = 0;
export const NULL = 1;
export const TRUE = 2;

/** The truth of a comparison, by whether the left side is less than, equal to, or greater than the right. */
export type ComparisonTruths = readonly [less: number, equal: number, greater: number];

export const TRUTHS: Readonly<Record<FilterOperator, ComparisonTruths>> = {
  '=': [FALSE, TRUE, FALSE],
  '<>': [TRUE, FALSE, TRUE],
  '<': [TRUE, FALSE, FALSE],
  '<=': [TRUE, TRUE, FALSE],
  '>': [FALSE, FALSE, TRUE],
  '>=': [FALSE, TRUE, TRUE],
};

export function toTruth(value: boolean | null): number {
  return value === null ? NULL : value ? TRUE : FALSE;
}
