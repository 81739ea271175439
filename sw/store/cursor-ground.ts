import { isJsonObject, type Json } from '../protocol/record.ts';
import type { WireScope } from '../protocol/wire.ts';

/** What a cursor is good for, as a text that is the same for the same (L-4). The server's epoch is in the cursor itself. */
export function cursorGround(user: string, schemaVersion: number, scope: WireScope): string {
  return JSON.stringify([user, schemaVersion, scope]);
}

function scopeIn(ground: string): Json {
  try {
    const parts: unknown = JSON.parse(ground);
    const scope: unknown = Array.isArray(parts) ? parts[2] : null;
    return isJsonObject(scope) ? scope : null;
  } catch {
    return null;
  }
}

/** Whether a download on this ground is of the whole table. */
export function isWholeGround(ground: string): boolean {
  const scope = scopeIn(ground);
  return !isJsonObject(scope) || scope['type'] === 'all';
}

/** Whether a download on this ground was of this scope. */
export function isGroundOf(ground: string, scope: WireScope): boolean {
  const stored = scopeIn(ground);
  return stored === null || JSON.stringify(stored) === JSON.stringify(scope);
}
