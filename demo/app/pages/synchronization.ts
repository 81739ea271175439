import type { PendingCounts, StatusDetail, SyncObstacle, SynchronizeResult } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import { createLoader } from '../model/loader.ts';
import { markWithConflict } from '../view/conflict-link.ts';
import { failureRow } from '../view/failure-row.ts';
import { formatCount, formatMoment, plural, tableName } from '../view/format.ts';
import { icon, type IconName } from '../view/icons.ts';
import type { App, Page } from '../view/page.ts';
import { runRow } from '../view/run-row.ts';
import { statusMark } from '../view/status-mark.ts';
import { onlineText } from '../view/sync-summary.ts';
import { createUnsentFile } from '../view/unsent-file.ts';

function obstacleText(obstacle: SyncObstacle): string {
  switch (obstacle.type) {
    case 'none':
      return 'Something waits to be sent, and nothing is in its way.';
    case 'nothing-to-do':
      return 'Nothing waits to be sent.';
    case 'busy':
      return 'A synchronization is under way.';
    case 'offline':
      return 'The server cannot be reached. What you do is kept here.';
    case 'signed-out':
      return 'Nobody is signed in on this device.';
    case 'no-credentials':
      return 'The server needs your sign-in, which this device does not have any more.';
    case 'auth-required':
      return 'The server asks you to sign in again.';
    case 'storage':
      return 'The browser does not let this device store more.';
    case 'backing-off':
      return `The last attempt failed (${obstacle.code}). The next one is at ${formatMoment(obstacle.until)}.`;
  }
}

interface Known {
  readonly obstacle: SyncObstacle;
  readonly runs: readonly SynchronizeResult[];
}

const order: readonly StatusDetail[] = ['rejected', 'conflict', 'blocked', 'pending', 'in-flight', 'held', 'draft'];

/** How this device and the server stand: what waits, what failed, what was done; and the buttons to synchronize. */
export function createSynchronizationPage(app: App): Page {
  const known = createLoader<Known>(async () => {
    const sync = await app.connected;
    const [obstacle, runs] = await Promise.all([sync.whyNotSyncing(), sync.history({ limit: 20 })]);
    return { obstacle, runs };
  }, app.draw);

  const unsentFile = createUnsentFile(app);

  const stateCard = (): TemplateResult => {
    const { watch } = app;
    const count = watch.pendingCount;
    return html`
      <section class="card state-card" data-online=${String(watch.signedOut ? null : watch.online)}>
        <p class="state-line">
          <span class="dot" aria-hidden="true"></span>
          <strong>${onlineText(watch)}</strong>
          <span
            >${
              count > 0
                ? `${plural(count, 'record is', 'records are')} not synchronized`
                : watch.state?.ready === false
                  ? 'Not everything has been received yet'
                  : 'Everything is synchronized'
            }</span
          >
        </p>
        <p
          class="hint"
          data-testid="obstacle"
          data-type=${known.current.type === 'ready' ? known.current.value.obstacle.type : ''}
        >
          ${known.current.type === 'ready' ? obstacleText(known.current.value.obstacle) : 'One moment …'}
        </p>
      </section>
    `;
  };

  const modeButton = (
    mode: 'all' | 'unsynchronized' | 'selected',
    { name, text, symbol, disabled = false }: { name: string; text: string; symbol: IconName; disabled?: boolean },
  ): TemplateResult => html`
    <button
      type="button"
      class="mode ${mode === 'all' ? 'primary' : ''}"
      data-testid=${`sync-${mode}`}
      ?disabled=${disabled}
      @click=${() => {
        app.synchronize(mode);
      }}
    >
      ${icon(symbol)}<span><strong>${name}</strong><span>${text}</span></span>
    </button>
  `;

  const modes = (): TemplateResult => {
    const { size } = app.selection;
    const text = size === 0 ? 'Tick visits in their list first' : `${plural(size, 'visit', 'visits')}, both ways`;
    return html`
      <section aria-labelledby="modes-title">
        <h2 id="modes-title">Synchronize</h2>
        <div class="modes">
          ${modeButton('all', { name: 'All', text: 'Send what waits, receive what is new', symbol: 'sync' })}
          ${modeButton('unsynchronized', { name: 'Unsynchronized', text: 'Only send what waits', symbol: 'up' })}
          ${modeButton('selected', { name: 'Selected', text, symbol: 'check', disabled: size === 0 })}
        </div>
      </section>
    `;
  };

  const pendingRows = (pending: PendingCounts): TemplateResult => {
    const tables = Object.entries(pending.tables).filter(([, details]) =>
      Object.values(details).some((count) => count > 0),
    );
    if (tables.length === 0 && pending.commands === 0) return html`<p class="hint">Nothing waits here.</p>`;
    return html`
      <ul class="rows">
        ${tables.map(
          ([table, details]) => html`
            <li class="pending-row" data-testid="pending-row" data-table=${table}>
              <strong
                >${table === 'visits' ? html`<a href="/visits?unsynchronized">${tableName(table)}</a>` : tableName(table)}</strong
              >
              <span class="pending-marks">
                ${order.map((detail) => {
                  const count = details[detail] ?? 0;
                  return count === 0
                    ? nothing
                    : html`<span class="pending-mark"
                        ><span class="figures">${formatCount(count)}</span>
                        ${markWithConflict(statusMark(detail, { syncing: app.watch.syncing }), { detail })}</span
                      >`;
                })}
              </span>
            </li>
          `,
        )}
        ${
          pending.commands > 0
            ? html`<li class="pending-row" data-testid="pending-row" data-table="">
                <strong>Commands</strong><span class="figures">${formatCount(pending.commands)}</span>
              </li>`
            : nothing
        }
      </ul>
    `;
  };

  const runs = (): TemplateResult => {
    if (known.current.type !== 'ready') return html`<p class="hint">One moment …</p>`;
    if (known.current.value.runs.length === 0) return html`<p class="hint">None yet.</p>`;
    return html`<ul class="rows">
      ${repeat(known.current.value.runs, (run) => run.run, runRow)}
    </ul>`;
  };

  known.refresh();
  return {
    title: 'Sync',
    tables: ['places', 'products', 'visits', 'lines'],
    view: () => {
      const { pending, failures } = app.watch;
      return html`
        ${stateCard()} ${modes()}
        ${
          failures.length > 0
            ? html`<section aria-labelledby="failures-title">
                <h2 id="failures-title">Not taken by the server</h2>
                <ul class="failures">
                  ${repeat(
                    failures,
                    (failure) => failure.id,
                    (failure) => failureRow(app, failure, { linked: true }),
                  )}
                </ul>
              </section>`
            : nothing
        }
        <section aria-labelledby="pending-title">
          <h2 id="pending-title">Not synchronized</h2>
          ${pending === null ? html`<p class="hint">One moment …</p>` : pendingRows(pending)}
          <p class="hint"><a href="/synchronization/status" data-testid="status-link">Set the status by a filter</a></p>
        </section>
        ${unsentFile.view()}
        <section aria-labelledby="runs-title">
          <h2 id="runs-title">Last runs</h2>
          ${runs()}
        </section>
      `;
    },
    refresh: known.refresh,
    close: known.close,
  };
}
