import { html, type TemplateResult } from 'lit-html';
import { addPhoto, deletePhoto, type VisitPhotos } from '../model/photos.ts';
import type { Visit } from '../model/records.ts';
import { addTask, deleteTask, setTaskDone, type VisitTasks } from '../model/tasks.ts';
import type { App } from '../view/page.ts';
import { photosSection } from '../view/photos.ts';
import { tasksSection } from '../view/tasks.ts';

export interface VisitLists {
  readonly photos: VisitPhotos;
  readonly tasks: VisitTasks;
}

/** What belongs to a stored visit and is saved at once, whatever is in its form. */
export function visitLists(
  app: App,
  visit: Visit,
  { photos, tasks, onChanged }: VisitLists & { readonly onChanged: () => void },
): TemplateResult {
  const change = (action: () => Promise<void>): void => {
    app.attempt(async () => {
      await action();
      onChanged();
    });
  };
  const { syncing, progress } = app.watch;
  const taskList = tasksSection(tasks, {
    syncing,
    onAdd(title) {
      change(() => addTask(visit.id, title));
    },
    onDone(task, done) {
      change(() => setTaskDone(task, done));
    },
    onDelete(task) {
      change(() => deleteTask(task.id));
    },
  });
  const photoList = photosSection(photos, {
    syncing,
    progress,
    onAdd(files) {
      change(async () => {
        for (const file of files) await addPhoto(visit.id, file);
      });
    },
    onDelete(photo) {
      change(() => deletePhoto(photo.id));
    },
  });
  return html`${taskList}${photoList}`;
}
