export { startSync } from './start-sync.ts';
export type { CommandOptions, StartSyncOptions } from './start-sync.ts';
export type { HeadersFunction } from './sync/sessions.ts';
export type { Migrate, StoredCopy } from './store/migrate-row.ts';
export { batchBackend } from './backend/batch-backend.ts';
export type { BatchBackendOptions } from './backend/batch-backend.ts';
export { restBackend, type RestBackendOptions } from './backend/rest-backend.ts';
export type { Backend } from './backend/backend.ts';
export type {
  ColumnOptions,
  ConflictCopies,
  ConflictPolicy,
  ReferenceOptions,
  ScopeOption,
  TableOptions,
} from './store/schema.ts';
export { filterBuilder, type FieldBuilder, type FilterBuilder } from './protocol/filter-builder.ts';
export type { FilterTree } from './protocol/filter-tree.ts';
export { ConfigurationError, FilterError, SyncError } from './protocol/errors.ts';
