import type { Workload } from './workload.ts';

const files = import.meta.glob<Workload>('../workloads/*.ts', { eager: true, import: 'default' });

/** W1, W2, … by number, then those with names. */
export const workloads: readonly Workload[] = Object.values(files).sort((a, b) =>
  a.name.localeCompare(b.name, 'en', { numeric: true }),
);

export function findWorkloads(names: readonly string[]): readonly Workload[] {
  const wrong = names.find((name) => !workloads.some((workload) => workload.name === name));
  if (wrong !== undefined) {
    throw new Error(`There is no workload ${wrong}: ${workloads.map(({ name }) => name).join(', ')}`);
  }
  return names.length === 0 ? workloads : workloads.filter(({ name }) => names.includes(name));
}
