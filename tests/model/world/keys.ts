import type { RecordKey } from '../../../sw/protocol/record.ts';
import type { TableName } from './commands.ts';

const names = ['k0', 'k1', 'k2'];

/** The key of a table's record by its number. */
export function keyOf(table: TableName, index: number): RecordKey {
  return table === 'products' ? index + 1 : `${names[index % names.length]}`;
}
