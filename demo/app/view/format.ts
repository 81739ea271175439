import type { RunMode, RunPhase, RunTrigger, StatusDetail } from 'holdfast/client';

const whole = new Intl.NumberFormat('en');
const amount = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const day = new Intl.DateTimeFormat('en', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
const moment = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

export function formatCount(count: number): string {
  return whole.format(count);
}

export function formatAmount(value: number): string {
  return amount.format(value);
}

/** `2026-05-31` as a day of the reader's calendar: no time zone may move it. */
export function formatDay(date: string): string {
  const parsed = new Date(`${date}T12:00:00`);
  return Number.isNaN(parsed.getTime()) ? date : day.format(parsed);
}

export function formatMoment(ms: number): string {
  return moment.format(new Date(ms));
}

export function formatDuration(ms: number): string {
  if (ms < 1000) return `${whole.format(Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${String(Math.floor(ms / 60_000))} min ${String(Math.round((ms % 60_000) / 1000))} s`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${whole.format(bytes)} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export function plural(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export const detailNames: Readonly<Record<StatusDetail, string>> = {
  clean: 'Synchronized',
  pending: 'Not synchronized',
  'in-flight': 'Being sent',
  rejected: 'Refused by the server',
  conflict: 'Conflict',
  blocked: 'Waits for another record',
  held: 'Held back',
  draft: 'Draft',
};

export const phaseNames: Readonly<Record<RunPhase, string>> = {
  files: 'Sending files',
  upload: 'Sending',
  download: 'Receiving',
  apply: 'Putting in place',
  contents: 'Fetching files',
};

export const modeNames: Readonly<Record<RunMode, string>> = {
  all: 'All',
  unsynchronized: 'Unsynchronized',
  selected: 'Selected',
};

export const triggerNames: Readonly<Record<RunTrigger, string>> = {
  call: 'asked for',
  'background-sync': 'in the background',
  online: 'back online',
  visible: 'page shown',
  start: 'first start',
  timer: 'by the clock',
  write: 'after a change',
  live: 'news from the server',
  push: 'pushed',
};

const tableNames: Readonly<Record<string, string>> = {
  places: 'Places',
  products: 'Products',
  visits: 'Visits',
  lines: 'Lines',
  photos: 'Photos',
  tasks: 'Tasks',
};

export function tableName(table: string): string {
  return tableNames[table] ?? table;
}
