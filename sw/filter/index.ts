export type {
  ColumnType,
  FilterNode,
  FilterOperand,
  FilterOperator,
  FilterTree,
  FilterValue,
  OrderTerm,
} from '../protocol/filter-tree.ts';
export { isFilterTree } from '../protocol/filter-tree.ts';
export type { CompileOptions, FilterParameters } from './bind.ts';
export type { ColumnBounds, LeafBounds } from './bounds.ts';
export { compileBounds, mayMatch } from './bounds.ts';
export type { Comparable, FieldBuilder, FilterBuilder, FilterParameterReference } from './build.ts';
export { filterBuilder } from './build.ts';
export type { CompiledFilter } from './compile.ts';
export { compileFilter } from './compile.ts';
export type { FilterObject, FilterObjectTests, FilterObjectValue } from './from-object.ts';
export { filterFromObject, toFilterTree } from './from-object.ts';
export type { LikeMatcher } from './like.ts';
export { likeMatcher } from './like.ts';
export type { ColumnTypes, NameOptions } from './names.ts';
export { columnsOf, parametersOf } from './names.ts';
export { parseOrderBy } from './order-by.ts';
export type { ParseOptions } from './cursor.ts';
export { parseFilter } from './parse.ts';
export { printFilter } from './print.ts';
export type { ComparedValue } from './values.ts';
export { columnValue, compareValues } from './values.ts';
export type { ColumnVector, ColumnVectors, NumberVector, StringVector } from './vector.ts';
export { compileVectorFilter } from './vector.ts';
