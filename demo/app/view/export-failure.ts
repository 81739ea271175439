import type { Failure } from 'holdfast/client';

/** Saves a failure with its content as a file, for whoever is to look into it. */
export function exportFailure(failure: Failure): void {
  const file = new Blob([JSON.stringify(failure, null, 2)], { type: 'application/json' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = `${failure.table}-${String(failure.key)}.json`;
  link.click();
  // The browser reads it after the click.
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 60_000);
}
