import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import { icon } from './icons.ts';
import type { NoticeKind } from './page.ts';

interface Notice {
  readonly id: number;
  readonly kind: NoticeKind;
  readonly message: string;
}

export interface Notices {
  add(kind: NoticeKind, message: string): void;
  view(): TemplateResult;
}

const shownMs: Readonly<Record<NoticeKind, number>> = { done: 4000, problem: 9000, busy: 9000 };

/** Short messages at the edge of the screen. The same message is not shown twice at once. */
export function createNotices(draw: () => void): Notices {
  let notices: readonly Notice[] = [];
  let lastId = 0;

  const remove = (id: number): void => {
    notices = notices.filter((notice) => notice.id !== id);
    draw();
  };

  const noticeView = ({ id, kind, message }: Notice): TemplateResult => html`
    <div class="notice notice-${kind}" data-testid=${kind === 'busy' ? 'busy-message' : 'notice'}>
      ${icon(kind === 'done' ? 'check' : kind === 'busy' ? 'clock' : 'alert')}
      <p>${message}</p>
      <button
        type="button"
        class="quiet icon-only"
        aria-label="Dismiss"
        @click=${() => {
          remove(id);
        }}
      >
        ${icon('close')}
      </button>
    </div>
  `;

  return {
    add(kind, message) {
      if (notices.some((notice) => notice.message === message)) return;
      lastId += 1;
      const id = lastId;
      notices = [...notices, { id, kind, message }];
      setTimeout(() => {
        remove(id);
      }, shownMs[kind]);
      draw();
    },
    view() {
      const urgent = notices.filter((notice) => notice.kind !== 'done');
      const calm = notices.filter((notice) => notice.kind === 'done');
      return html`
        <div class="notices">
          <div role="alert">${repeat(urgent, (notice) => notice.id, noticeView)}</div>
          <div role="status">${calm.length > 0 ? repeat(calm, (notice) => notice.id, noticeView) : nothing}</div>
        </div>
      `;
    },
  };
}
