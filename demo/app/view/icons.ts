import { svg, type SVGTemplateResult } from 'lit-html';

/** Outlines on a 24-unit grid, drawn in the text's colour. */
const outlines = {
  place: svg`<path d="M12 21s7-6.1 7-11.3A7 7 0 0 0 5 9.7C5 14.9 12 21 12 21Z" /><circle cx="12" cy="9.8" r="2.4" />`,
  visits: svg`<path d="M8 4.5H6.5A1.5 1.5 0 0 0 5 6v13.5A1.5 1.5 0 0 0 6.5 21h11a1.5 1.5 0 0 0 1.5-1.5V6a1.5 1.5 0 0 0-1.5-1.5H16" /><rect x="8" y="3" width="8" height="3.5" rx="1.2" /><path d="m9 13.4 2.1 2.1 4-4.2" />`,
  products: svg`<path d="m12 3 8 4.2v9.6L12 21l-8-4.2V7.2L12 3Z" /><path d="m4.3 7.4 7.7 4 7.7-4M12 11.4V21" />`,
  sync: svg`<path d="M19.5 9.5A8 8 0 0 0 5.6 7L4 8.6M4.5 14.5A8 8 0 0 0 18.4 17l1.6-1.6" /><path d="M4 4.5v4.1h4.1M20 19.5v-4.1h-4.1" />`,
  search: svg`<circle cx="10.8" cy="10.8" r="6.3" /><path d="m20 20-4.7-4.7" />`,
  plus: svg`<path d="M12 5v14M5 12h14" />`,
  minus: svg`<path d="M5 12h14" />`,
  close: svg`<path d="m6 6 12 12M18 6 6 18" />`,
  star: svg`<path d="m12 3.6 2.6 5.4 5.9.8-4.3 4.1 1.1 5.9-5.3-2.9-5.3 2.9 1.1-5.9L3.5 9.8l5.9-.8L12 3.6Z" />`,
  back: svg`<path d="M15 5.5 8.5 12l6.5 6.5" />`,
  next: svg`<path d="M9 5.5 15.5 12 9 18.5" />`,
  check: svg`<path d="m5 12.6 4.4 4.4L19 7.4" />`,
  clock: svg`<circle cx="12" cy="12" r="8.3" /><path d="M12 7.4V12l3.1 2" />`,
  up: svg`<path d="M12 19.5v-15M6 10.5l6-6 6 6" />`,
  down: svg`<path d="M12 4.5v15M6 13.5l6 6 6-6" />`,
  alert: svg`<path d="M12 4 2.9 19.5h18.2L12 4Z" /><path d="M12 10v4.4M12 17v.1" />`,
  fork: svg`<path d="M7 20V11a4 4 0 0 1 4-4h6M7 20v-2M13.5 3.5 17 7l-3.5 3.5" /><circle cx="7" cy="20" r=".4" />`,
  pause: svg`<path d="M9 6v12M15 6v12" />`,
  pencil: svg`<path d="m4.5 19.5.9-4L16 4.9a1.6 1.6 0 0 1 2.3 0l.8.8a1.6 1.6 0 0 1 0 2.3L8.5 18.6l-4 .9Z" />`,
  camera: svg`<path d="M4 8.5A1.5 1.5 0 0 1 5.5 7h2.3l1.4-2h5.6l1.4 2h2.3A1.5 1.5 0 0 1 20 8.5v9a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 17.5v-9Z" /><circle cx="12" cy="12.8" r="3.4" />`,
  trash: svg`<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.9 12.5h9.2L17.5 7M10.2 10.8v5.4M13.8 10.8v5.4" />`,
} satisfies Record<string, SVGTemplateResult>;

export type IconName = keyof typeof outlines;

/** Decoration: the words beside it say the same. */
export function icon(name: IconName): SVGTemplateResult {
  return svg`<svg class="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">${outlines[name]}</svg>`;
}

/** The mark of Rounds: a walk around the block, with a stop on it. */
export function brandMark(): SVGTemplateResult {
  return svg`<svg class="brand-mark" viewBox="0 0 48 48" width="34" height="34" aria-hidden="true" focusable="false">
    <rect class="brand-ground" width="48" height="48" rx="14" />
    <path class="brand-route" d="M33.6 15.2A13 13 0 1 0 37 24" />
    <circle class="brand-stop" cx="24" cy="24" r="5.2" />
    <circle class="brand-next" cx="34.4" cy="16" r="3.4" />
  </svg>`;
}
