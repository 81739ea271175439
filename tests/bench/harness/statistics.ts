export function quantile(list: readonly number[], share: number): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(list: readonly number[]): number {
  return quantile(list, 0.5);
}

/** Three digits that count. */
export function round(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 1000) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** Seconds in the unit that reads best; other units as they are. */
export function withUnit(value: number, unit: string): string {
  if (!Number.isFinite(value)) return '–';
  if (unit !== 's') return unit === '' ? round(value) : `${round(value)} ${unit}`;
  return value < 1 ? `${round(value * 1000)} ms` : `${round(value)} s`;
}
