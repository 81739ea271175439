import type { StatusDetail } from 'holdfast/client';
import { quoted, readList, readRecord, recordPath, write } from './api.ts';
import { readTask, type Task } from './records.ts';

export interface VisitTasks {
  readonly tasks: readonly Task[];
  /** By key, of those that are not synchronized. */
  readonly marks: ReadonlyMap<string, StatusDetail>;
}

export async function readTasks(visitId: string): Promise<VisitTasks> {
  const query = { filter: `visitId = ${quoted(visitId)}`, limit: 200 };
  const { records, marks } = await readList('/api/tasks', readTask, { query });
  return { tasks: records, marks: marks ?? new Map<string, StatusDetail>() };
}

/** The server makes its number; until it has, the task goes by a temporary one. */
export async function addTask(visitId: string, title: string): Promise<void> {
  await write('POST', '/api/tasks', { visitId, title });
}

export async function setTaskDone({ id }: Task, done: boolean): Promise<void> {
  await write('PATCH', recordPath('tasks', id), { done });
}

export type TaskDraft = Pick<Task, 'title' | 'done' | 'afterId'>;

export function draftOfTask({ title, done, afterId }: Task): TaskDraft {
  return { title, done, afterId };
}

/** By its key of now, or by the one that it had before the server made its number; null: there is none. */
export async function readTaskAt(key: string): Promise<Task | null> {
  return readRecord(recordPath('tasks', key), readTask);
}

/** Writes what differs from the task as it was shown. */
export async function storeTask(shown: Task, { title, done, afterId }: TaskDraft): Promise<void> {
  const changes = {
    ...(title === shown.title ? {} : { title }),
    ...(done === shown.done ? {} : { done }),
    ...(afterId === shown.afterId ? {} : { afterId }),
  };
  if (Object.keys(changes).length > 0) await write('PATCH', recordPath('tasks', shown.id), changes);
}

export async function deleteTask(id: number): Promise<void> {
  await write('DELETE', recordPath('tasks', id));
}
