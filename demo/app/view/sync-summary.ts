import type { Progress } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import type { SyncWatch } from '../model/sync-watch.ts';
import { formatBytes, formatCount, phaseNames, tableName } from './format.ts';
import { icon } from './icons.ts';

export function onlineText({ online, signedOut }: SyncWatch): string {
  if (signedOut) return 'Signed out';
  if (online === null) return 'Checking';
  return online ? 'Online' : 'Offline';
}

function onlineState({ online, signedOut }: SyncWatch): string {
  if (signedOut) return 'signed-out';
  if (online === null) return 'unknown';
  return online ? 'online' : 'offline';
}

/** Online or not, and how much is not synchronized: on every page. */
export function syncChip(watch: SyncWatch): TemplateResult {
  const count = watch.pendingCount;
  return html`
    <a class="chip chip-${onlineState(watch)}" href="/synchronization" ?data-syncing=${watch.syncing}>
      <span class="dot" aria-hidden="true"></span>
      <span data-testid="online-state" data-state=${onlineState(watch)}>${onlineText(watch)}</span>
      ${
        watch.signedOut
          ? nothing
          : html`<span class="chip-count" ?data-some=${count > 0}
              ><span data-testid="pending-count" data-count=${count}>${formatCount(count)}</span
              ><span class="chip-words"> not synchronized</span></span
            >`
      }
      <span class="chip-turn" aria-hidden="true">${watch.syncing ? icon('sync') : nothing}</span>
    </a>
  `;
}

function counts({ done, total, bytesReceived, bytesSent }: Progress): string {
  const records = total === null ? formatCount(done) : `${formatCount(done)} of ${formatCount(total)}`;
  const bytes = bytesReceived + bytesSent;
  return bytes > 0 ? `${records} · ${formatBytes(bytes)}` : records;
}

function words(progress: Progress | null): string {
  if (progress === null) return 'Synchronizing';
  const { phase, table } = progress;
  return `${phaseNames[phase]}${table === null ? '' : ` ${tableName(table).toLowerCase()}`}`;
}

/** The run that is going. Its phase and table are announced; the counts, which change ten times a second, are not. */
export function runProgress(watch: SyncWatch, onCancel: () => void): TemplateResult {
  const { progress, showsRun } = watch;
  const what = showsRun ? words(progress) : '';
  const total = progress?.total ?? null;
  const first = watch.state?.ready === false;
  return html`
    <p class="hidden" role="status">${what}</p>
    ${
      showsRun
        ? html`
            <section
              class="run"
              aria-label="Synchronization under way"
              data-testid="progress"
              data-phase=${progress?.phase ?? ''}
              data-table=${progress?.table ?? ''}
              data-done=${progress?.done ?? ''}
              data-total=${total ?? ''}
            >
              <div class="run-words">
                <strong>${what}</strong>
                <span class="figures">${progress === null ? nothing : counts(progress)}</span>
                <button type="button" class="quiet" data-testid="sync-cancel" @click=${onCancel}>Cancel</button>
              </div>
              ${
                progress === null || total === null
                  ? html`<progress aria-label=${what}></progress>`
                  : html`<progress aria-label=${what} max=${Math.max(1, total)} .value=${progress.done}></progress>`
              }
              ${
                first
                  ? html`<p class="hint">
                      The first download fills this device. Every page works meanwhile; what is not here yet comes from
                      the network.
                    </p>`
                  : nothing
              }
            </section>
          `
        : nothing
    }
  `;
}
