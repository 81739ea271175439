import type { StatusDetail } from 'holdfast/client';
import { quoted, readList, recordPath, write, writeForm } from './api.ts';
import { type Photo, readPhoto } from './records.ts';

export interface VisitPhotos {
  readonly photos: readonly Photo[];
  /** By key, of those that are not synchronized. */
  readonly marks: ReadonlyMap<string, StatusDetail>;
}

export async function readPhotos(visitId: string): Promise<VisitPhotos> {
  const query = { filter: `visitId = ${quoted(visitId)}`, limit: 200 };
  const { records, marks } = await readList('/api/photos', readPhoto, { query });
  return { photos: records, marks: marks ?? new Map<string, StatusDetail>() };
}

/** Where a photo is shown from: this device, also without a network. */
export function photoPath({ id }: Photo): string {
  return `${recordPath('photos', id)}/content`;
}

/** On this device when it settles; the next run sends the file, then the record that names it. */
export async function addPhoto(visitId: string, file: File): Promise<void> {
  const form = new FormData();
  form.set('id', crypto.randomUUID());
  form.set('visitId', visitId);
  form.set('caption', file.name);
  form.set('content', file);
  await writeForm('/api/photos', form);
}

export async function deletePhoto(id: string): Promise<void> {
  await write('DELETE', recordPath('photos', id));
}
