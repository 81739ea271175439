import { SyncError, type ImportResult } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { problemMessage } from '../model/api.ts';
import { plural } from './format.ts';
import { icon } from './icons.ts';
import type { App } from './page.ts';

type Outcome =
  | { readonly type: 'imported'; readonly result: ImportResult }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };

/** Hands a file to the browser, as if it was downloaded. */
function save(file: File, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  // The router follows links of the app; this one goes to the disk.
  link.target = '_blank';
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(url);
  }, 60_000);
}

function importedText({ changes, commands, drafts, failures, skipped }: ImportResult): string {
  const kinds = [
    [changes, 'change', 'changes'],
    [commands, 'command', 'commands'],
    [drafts, 'draft', 'drafts'],
    [failures, 'failure', 'failures'],
  ] as const;
  const taken = kinds.filter(([count]) => count > 0).map(([count, one, many]) => plural(count, one, many));
  const before = skipped === 0 ? '' : ` ${plural(skipped, 'item was', 'items were')} here already.`;
  return `${taken.length === 0 ? 'Nothing new was in it.' : `Taken over: ${taken.join(', ')}.`}${before}`;
}

function outcomeView(outcome: Outcome | null): TemplateResult | typeof nothing {
  if (outcome === null) return nothing;
  return outcome.type === 'imported'
    ? html`<p class="file-answer" role="status" data-testid="import-result">
        ${icon('check')}<span>${importedText(outcome.result)}</span>
      </p>`
    : html`<p class="file-answer file-wrong" role="alert" data-testid="import-problem" data-code=${outcome.code}>
        ${icon('alert')}<span><span class="tag tag-bad">${outcome.code}</span> ${outcome.message}</span>
      </p>`;
}

/** What is on this device only, as a file: out, and in again here or on another device. */
export function createUnsentFile(app: App): { view(): TemplateResult } {
  let outcome: Outcome | null = null;

  const exportWork = async (): Promise<void> => {
    const sync = await app.connected;
    const day = new Date().toISOString().slice(0, 10);
    save(await sync.exportUnsent(), `rounds-unsent-${day}.json`);
  };

  const importWork = async (file: File): Promise<void> => {
    try {
      const sync = await app.connected;
      outcome = { type: 'imported', result: await sync.importUnsent(file) };
    } catch (error) {
      outcome = {
        type: 'failed',
        code: error instanceof SyncError ? error.code : 'unknown',
        message: problemMessage(error),
      };
    }
    app.draw();
  };

  return {
    view: () => html`
      <section aria-labelledby="file-title">
        <h2 id="file-title">Take unsent work along</h2>
        <p class="hint">
          A file of all that is on this device only: what waits, drafts, and what the server refused. Importing it here
          or on another device of the same user loses and doubles nothing.
        </p>
        <div class="buttons file-buttons">
          <button
            type="button"
            data-testid="export-unsent"
            @click=${() => {
              app.attempt(exportWork);
            }}
          >
            ${icon('down')} Export unsent work
          </button>
          <label class="button picker">
            ${icon('up')} Import
            <input
              type="file"
              accept="application/json,.json"
              data-testid="import-unsent"
              @change=${(event: Event) => {
                const { target } = event;
                if (!(target instanceof HTMLInputElement)) return;
                const file = target.files?.[0];
                if (file !== undefined) app.attempt(() => importWork(file));
                target.value = '';
              }}
            />
          </label>
        </div>
        ${outcomeView(outcome)}
      </section>
    `,
  };
}
