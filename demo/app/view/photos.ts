import type { Progress } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import { photoPath, type VisitPhotos } from '../model/photos.ts';
import type { Photo } from '../model/records.ts';
import { formatBytes } from './format.ts';
import { icon } from './icons.ts';
import { statusMark } from './status-mark.ts';

interface PhotosOptions {
  readonly syncing: boolean;
  readonly progress: Progress | null;
  readonly onAdd: (files: readonly File[]) => void;
  readonly onDelete: (photo: Photo) => void;
}

function picker(
  label: string,
  options: { readonly camera: boolean; readonly onAdd: PhotosOptions['onAdd'] },
): TemplateResult {
  const { camera, onAdd } = options;
  const take = (event: Event): void => {
    const { target } = event;
    if (!(target instanceof HTMLInputElement)) return;
    onAdd([...(target.files ?? [])]);
    target.value = '';
  };
  return html`<label class="button picker">
    ${icon(camera ? 'camera' : 'plus')} ${label}
    <input
      type="file"
      accept="image/*"
      capture=${camera ? 'environment' : nothing}
      ?multiple=${!camera}
      data-testid=${camera ? 'photo-take' : 'photo-choose'}
      @change=${take}
    />
  </label>`;
}

/** How far the files are that are being sent. */
function sending({ phase, table, done, total, bytesSent }: Progress): TemplateResult | typeof nothing {
  if (phase !== 'files' || table !== 'photos') return nothing;
  return html`<p class="photo-progress" data-testid="photo-progress">
    <progress max=${total ?? 1} .value=${done} aria-label="Photos sent"></progress>
    <span class="hint figures">${done} of ${total ?? '?'} sent · ${formatBytes(bytesSent)}</span>
  </p>`;
}

/** A visit's photos, as they are on this device, with a mark at those that the server lacks. */
export function photosSection({ photos, marks }: VisitPhotos, options: PhotosOptions): TemplateResult {
  const { syncing, progress, onAdd, onDelete } = options;
  const item = (photo: Photo): TemplateResult => {
    const detail = marks.get(photo.id) ?? 'clean';
    const name = photo.caption === '' ? 'Photo' : photo.caption;
    return html`<li class="photo" data-testid="photo" data-key=${photo.id} data-status=${detail}>
      ${
        photo.hash === null
          ? html`<span class="photo-missing">No file</span>`
          : html`<a href=${photoPath(photo)} target="_blank" rel="noopener"
              ><img src=${photoPath(photo)} alt=${name} loading="lazy" decoding="async"
            /></a>`
      }
      <div class="photo-foot">
        <span class="photo-name" title=${name}>${name}</span>
        ${statusMark(detail, { syncing })}
        <button
          type="button"
          class="quiet icon-only"
          aria-label=${`Delete ${name}`}
          data-testid="photo-delete"
          @click=${() => {
            onDelete(photo);
          }}
        >
          ${icon('trash')}
        </button>
      </div>
    </li>`;
  };
  return html`<section class="card photos" aria-labelledby="photos-title">
    <h2 id="photos-title">Photos</h2>
    ${
      photos.length === 0
        ? html`<p class="hint">They are kept on this device at once, and sent with the next synchronization.</p>`
        : html`<ul class="photo-grid" data-testid="photo-grid">
            ${repeat(photos, (photo) => photo.id, item)}
          </ul>`
    }
    ${progress === null ? nothing : sending(progress)}
    <div class="buttons">
      ${picker('Take a photo', { camera: true, onAdd })} ${picker('Choose photos', { camera: false, onAdd })}
    </div>
  </section>`;
}
