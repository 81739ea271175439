/** Where the worker asks whether it may go on from a step. Nothing of the server is there. */
export const stepAddress = '/sweep/step';

/** A place at which a worker can be stopped. */
export interface Step {
  /** `stored`: on disk, and the worker has not heard of it; `asked`: sent, not with the server; `answered`: applied, not answered. */
  readonly type: 'stored' | 'asked' | 'answered';
  readonly what: string;
}
