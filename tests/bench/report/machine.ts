import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '../../..');

function versionOf(name: string): string {
  const parsed: unknown = JSON.parse(readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8'));
  return String(Reflect.get(Object(parsed), 'version'));
}

const packages = [
  'idb',
  'dexie',
  'rxdb',
  'pouchdb-browser',
  'synceddb',
  'workbox-background-sync',
  '@tanstack/offline-transactions',
];

/** Where the figures come from, as lines of a list. */
export function describeMachine(browsers: readonly string[]): readonly string[] {
  const cpus = os.cpus();
  return [
    `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB of memory`,
    `${os.type()} ${os.release()}, Node.js ${process.versions.node}`,
    `browsers: ${browsers.join(', ')}`,
    `peers: ${packages.map((name) => `${name} ${versionOf(name)}`).join(', ')}`,
  ];
}
