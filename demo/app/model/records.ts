/** The app's records, as the API's JSON carries them. What comes from outside is read field by field, not believed. */
type Fields = Readonly<Record<string, unknown>>;

export interface Place {
  readonly id: string;
  readonly name: string;
  readonly country: string;
  readonly lat: number;
  readonly lng: number;
}

export interface Product {
  readonly Code: number;
  readonly Name: string;
  readonly Stock: number;
}

export interface Visit {
  readonly id: string;
  readonly placeId: string | null;
  /** A day: `2026-05-31`. */
  readonly date: string;
  readonly note: string;
  readonly rating: number | null;
  readonly reference: string | null;
  /** Computed by the server from the lines; null until it was. */
  readonly total: number | null;
  /** Set by the server, when it has carried out the command. */
  readonly closed: boolean;
}

export interface Line {
  readonly id: string;
  readonly visitId: string;
  readonly productCode: number;
  readonly quantity: number;
  readonly price: number;
}

export interface Photo {
  readonly id: string;
  readonly visitId: string;
  readonly caption: string;
  /** What its file is known by; null: it has none yet. */
  readonly hash: string | null;
}

export interface Task {
  /** Below zero until the server has made its number. */
  readonly id: number;
  readonly visitId: string;
  readonly title: string;
  readonly done: boolean;
  /** The task that is to be done before it. */
  readonly afterId: number | null;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** SQL databases send decimals as text. */
function numberOrNull(value: unknown): number | null {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

export function readPlace(value: unknown): Place | null {
  if (!isFields(value) || typeof value['id'] !== 'string') return null;
  return {
    id: value['id'],
    name: text(value['name']),
    country: text(value['country']),
    lat: numberOrNull(value['lat']) ?? 0,
    lng: numberOrNull(value['lng']) ?? 0,
  };
}

export function readProduct(value: unknown): Product | null {
  if (!isFields(value) || typeof value['Code'] !== 'number') return null;
  return { Code: value['Code'], Name: text(value['Name']), Stock: numberOrNull(value['Stock']) ?? 0 };
}

export function readVisit(value: unknown): Visit | null {
  if (!isFields(value) || typeof value['id'] !== 'string') return null;
  return {
    id: value['id'],
    placeId: textOrNull(value['placeId']),
    date: text(value['date']).slice(0, 10),
    note: text(value['note']),
    rating: numberOrNull(value['rating']),
    reference: textOrNull(value['reference']),
    total: numberOrNull(value['total']),
    closed: value['status'] === 'closed',
  };
}

export function readLine(value: unknown): Line | null {
  if (!isFields(value) || typeof value['id'] !== 'string') return null;
  return {
    id: value['id'],
    visitId: text(value['visitId']),
    productCode: numberOrNull(value['productCode']) ?? 0,
    quantity: numberOrNull(value['quantity']) ?? 0,
    price: numberOrNull(value['price']) ?? 0,
  };
}

export function readTask(value: unknown): Task | null {
  if (!isFields(value) || typeof value['id'] !== 'number') return null;
  return {
    id: value['id'],
    visitId: text(value['visitId']),
    title: text(value['title']),
    done: value['done'] === true,
    afterId: numberOrNull(value['afterId']),
  };
}

export function readPhoto(value: unknown): Photo | null {
  if (!isFields(value) || typeof value['id'] !== 'string') return null;
  const content = isFields(value['content']) ? value['content'] : {};
  return {
    id: value['id'],
    visitId: text(value['visitId']),
    caption: text(value['caption']),
    hash: textOrNull(content['hash']),
  };
}
