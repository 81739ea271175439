import { html, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { Task } from '../model/records.ts';
import type { VisitTasks } from '../model/tasks.ts';
import { icon } from './icons.ts';
import { statusMark } from './status-mark.ts';

interface TasksOptions {
  readonly syncing: boolean;
  readonly onAdd: (title: string) => void;
  readonly onDone: (task: Task, done: boolean) => void;
  readonly onDelete: (task: Task) => void;
}

function adder(onAdd: TasksOptions['onAdd']): TemplateResult {
  const add = (event: SubmitEvent): void => {
    event.preventDefault();
    const { currentTarget } = event;
    const input = currentTarget instanceof HTMLFormElement ? currentTarget.elements.namedItem('title') : null;
    if (!(input instanceof HTMLInputElement) || input.value.trim() === '') return;
    onAdd(input.value.trim());
    input.value = '';
  };
  return html`<form class="task-add" @submit=${add}>
    <input name="title" aria-label="A new task" placeholder="Call back about the order" data-testid="task-title" />
    <button data-testid="task-add">${icon('plus')} Add</button>
  </form>`;
}

/** What is to be done after a visit. The number of a task is the server's: a new one has none before it was sent. */
export function tasksSection({ tasks, marks }: VisitTasks, options: TasksOptions): TemplateResult {
  const { syncing, onAdd, onDone, onDelete } = options;
  const item = (task: Task): TemplateResult => {
    const detail = marks.get(String(task.id)) ?? 'clean';
    return html`<li class="task" data-testid="task" data-key=${task.id} data-status=${detail}>
      <label class="task-check">
        <input
          type="checkbox"
          aria-label=${`Done: ${task.title}`}
          .checked=${task.done}
          data-testid="task-done"
          @change=${(event: Event) => {
            if (event.target instanceof HTMLInputElement) onDone(task, event.target.checked);
          }}
        />
      </label>
      <a class="task-title" href=${`/tasks/${encodeURIComponent(String(task.id))}`} data-testid="task-open"
        >${task.title}</a
      >
      <span class="hint figures" data-testid="task-number">${task.id < 0 ? 'No number yet' : `No. ${task.id}`}</span>
      ${statusMark(detail, { syncing })}
      <button
        type="button"
        class="quiet icon-only"
        aria-label=${`Delete ${task.title}`}
        data-testid="task-delete"
        @click=${() => {
          onDelete(task);
        }}
      >
        ${icon('trash')}
      </button>
    </li>`;
  };
  return html`<section class="card tasks" aria-labelledby="tasks-title">
    <h2 id="tasks-title">Tasks</h2>
    <ul class="task-list" data-testid="task-list">
      ${repeat(tasks, (task) => task.id, item)}
    </ul>
    ${adder(onAdd)}
  </section>`;
}
