import type { Json } from './record.ts';

/** Which part of a table is downloaded. */
export type ScopeOption =
  | 'all'
  | 'nothing-clear'
  | 'nothing-preserve'
  | 'never'
  | 'online'
  | { readonly filter: string | object; readonly params?: Readonly<Record<string, Json>> };
