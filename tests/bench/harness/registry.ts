import type { Workload } from './workload.ts';

function sorted(files: Readonly<Record<string, Workload>>): readonly Workload[] {
  return Object.values(files).sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** W1, W2, … by number, then those with names. */
export const workloads = sorted(import.meta.glob<Workload>('../workloads/*.ts', { eager: true, import: 'default' }));

/** What takes minutes and looks for harm rather than for speed. */
export const soaks = sorted(import.meta.glob<Workload>('../soak/*.ts', { eager: true, import: 'default' }));

export function findWorkloads(among: readonly Workload[], names: readonly string[]): readonly Workload[] {
  const wrong = names.find((name) => !among.some((workload) => workload.name === name));
  if (wrong !== undefined) {
    throw new Error(`There is no ${wrong}: ${among.map(({ name }) => name).join(', ')}`);
  }
  return names.length === 0 ? among : among.filter(({ name }) => names.includes(name));
}
