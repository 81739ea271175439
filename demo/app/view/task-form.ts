import { html, nothing, type TemplateResult } from 'lit-html';
import type { Task } from '../model/records.ts';
import type { TaskDraft } from '../model/tasks.ts';
import { icon } from './icons.ts';

interface TaskFormParts {
  readonly draft: TaskDraft;
  readonly others: readonly Task[];
  readonly edited: boolean;
  readonly onEdit: (fields: Partial<TaskDraft>) => void;
  readonly onSave: () => void;
  readonly onDelete: () => void;
}

export function taskForm({ draft, others, edited, onEdit, onSave, onDelete }: TaskFormParts): TemplateResult {
  const input = (event: Event): void => {
    if (event.target instanceof HTMLInputElement) onEdit({ title: event.target.value });
  };
  const check = (event: Event): void => {
    if (event.target instanceof HTMLInputElement) onEdit({ done: event.target.checked });
  };
  const choose = (event: Event): void => {
    if (!(event.target instanceof HTMLSelectElement)) return;
    onEdit({ afterId: event.target.value === '' ? null : Number(event.target.value) });
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    onSave();
  };
  return html`<form class="visit-form" novalidate @submit=${submit}>
    <section class="card">
      <div class="field">
        <label for="task-title">What is to be done</label>
        <input id="task-title" .value=${draft.title} autocomplete="off" data-testid="task-title" @input=${input} />
      </div>
      <div class="field">
        <label for="task-after">Comes after</label>
        <select id="task-after" data-testid="task-after" @change=${choose}>
          <option value="" ?selected=${draft.afterId === null}>No other task</option>
          ${others.map(
            (task) => html`<option value=${task.id} ?selected=${task.id === draft.afterId}>${task.title}</option>`,
          )}
        </select>
      </div>
      <label class="task-check">
        <input type="checkbox" .checked=${draft.done} data-testid="task-done" @change=${check} /> Done
      </label>
    </section>
    <div class="form-actions">
      <button type="submit" class="primary" data-testid="task-save">${icon('check')} Save</button>
      <button type="button" class="danger" data-testid="task-delete" @click=${onDelete}>${icon('trash')} Delete</button>
      ${edited ? html`<span class="hint" role="status">Not saved yet</span>` : nothing}
    </div>
  </form>`;
}
