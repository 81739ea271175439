import { html, nothing, type TemplateResult } from 'lit-html';
import { icon, type IconName } from './icons.ts';

/** Grey rows in the shape of those to come. */
export function skeletonRows(count: number): TemplateResult {
  const rows = Array.from({ length: count }, () => html`<li class="skeleton"><span></span><span></span></li>`);
  return html`<ul class="rows" aria-busy="true" aria-label="Loading">
    ${rows}
  </ul>`;
}

export function emptyState(
  name: IconName,
  title: string,
  options: { readonly text: string; readonly action?: TemplateResult },
): TemplateResult {
  return html`
    <div class="empty">
      <span class="empty-icon">${icon(name)}</span>
      <h2>${title}</h2>
      <p>${options.text}</p>
      ${options.action ?? nothing}
    </div>
  `;
}

/** A list that could not be read: why, and once more. */
export function failedState(message: string, again: () => void): TemplateResult {
  return html`
    <div class="empty" role="alert">
      <span class="empty-icon">${icon('alert')}</span>
      <h2>Not available just now</h2>
      <p>${message}</p>
      <button type="button" @click=${again}>Try again</button>
    </div>
  `;
}
