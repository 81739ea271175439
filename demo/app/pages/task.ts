import type { StatusDetail } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { createLoader } from '../model/loader.ts';
import type { Task } from '../model/records.ts';
import { deleteTask, draftOfTask, readTaskAt, readTasks, storeTask, type TaskDraft } from '../model/tasks.ts';
import { failureRow } from '../view/failure-row.ts';
import type { App, Page } from '../view/page.ts';
import { emptyState, failedState, skeletonRows } from '../view/parts.ts';
import { statusMark } from '../view/status-mark.ts';
import { taskForm } from '../view/task-form.ts';

interface Stored {
  readonly task: Task | null;
  readonly detail: StatusDetail;
  /** The other tasks of its visit. */
  readonly others: readonly Task[];
}

function taskAddress(key: string | number): string {
  return `/tasks/${encodeURIComponent(String(key))}`;
}

/**
 * A task at its address. That may be one from before the server had made its number: the record is found by it all the same,
 * and the address is put right without loading anything again.
 */
export function createTaskPage(app: App, key: string): Page {
  let address = taskAddress(key);
  let draft: TaskDraft | null = null;
  let edited = false;

  const stored = createLoader<Stored>(async (signal) => {
    const sync = await app.connected;
    const task = await readTaskAt(key);
    if (task === null) return { task, detail: 'clean', others: [] };
    const [{ detail }, { tasks }] = await Promise.all([sync.statusOf('tasks', task.id), readTasks(task.visitId)]);
    if (signal.aborted) return { task, detail, others: tasks };
    if (!edited) draft = draftOfTask(task);
    if (taskAddress(task.id) !== address) {
      address = taskAddress(task.id);
      app.replaceAddress(address);
    }
    return { task, detail, others: tasks.filter(({ id }) => id !== task.id) };
  }, app.draw);

  const save = async (task: Task, changed: TaskDraft): Promise<void> => {
    await storeTask(task, changed);
    edited = false;
    app.notify('done', 'Saved on this device. The server gets it with the next synchronization.');
    stored.refresh();
  };

  const remove = async (task: Task): Promise<void> => {
    await deleteTask(task.id);
    app.notify('done', 'The task was deleted.');
    app.navigate(`/visits/${encodeURIComponent(task.visitId)}`, { replace: true });
  };

  const content = (): TemplateResult => {
    const { current } = stored;
    if (current.type === 'loading') return skeletonRows(3);
    if (current.type === 'failed') return failedState(current.message, stored.restart);
    const { task, detail, others } = current.value;
    if (task === null || draft === null) {
      return emptyState('check', 'There is no such task', {
        text: 'It was deleted, or its address is from another device, before it had a number.',
        action: html`<a class="button" href="/visits">To the visits</a>`,
      });
    }
    const known = task;
    const typed = draft;
    const failures = app.watch.failures.filter((failure) => failure.table === 'tasks' && failure.key === known.id);
    return html`
      <a class="back" href=${`/visits/${encodeURIComponent(known.visitId)}`}>‹ Its visit</a>
      <p class="visit-state">
        ${statusMark(detail, { syncing: app.watch.syncing, always: true })}
        <span class="hint figures" data-testid="task-number"
          >${known.id < 0 ? 'No number yet' : `No. ${String(known.id)}`}</span
        >
      </p>
      ${
        failures.length === 0
          ? nothing
          : html`<ul class="failures" aria-label="Why the server did not take it">
              ${failures.map((failure) => failureRow(app, failure, { linked: false }))}
            </ul>`
      }
      ${taskForm({
        draft: typed,
        others,
        edited,
        onEdit(fields) {
          draft = { ...typed, ...fields };
          edited = true;
          app.draw();
        },
        onSave() {
          app.attempt(() => save(known, typed));
        },
        onDelete() {
          app.attempt(() => remove(known));
        },
      })}
    `;
  };

  stored.refresh();
  return {
    get title() {
      const { current } = stored;
      return current.type === 'ready' && current.value.task !== null ? current.value.task.title : 'Task';
    },
    tables: ['tasks'],
    view: content,
    refresh: stored.refresh,
    close: stored.close,
  };
}
