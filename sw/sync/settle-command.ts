import { waitingAsAnswered, type RecordRef } from '../store/blocked.ts';
import { withCommandState } from '../store/changes.ts';
import type { CommandRow, FailureRow } from '../store/format.ts';
import type { MutationId, RunId } from '../protocol/record.ts';
import type { FailureCode } from '../protocol/status.ts';
import type { Outcome } from '../protocol/wire.ts';
import type { UndoneGroup } from './settle.ts';

export interface SettledCommand {
  readonly verdict: 'taken' | 'failed' | 'later';
  /** What is left of it; null: nothing. */
  readonly row: CommandRow | null;
  readonly failure: Pick<FailureRow, 'code' | 'message' | 'references' | 'fields'> | null;
}

export interface CommandContext {
  readonly newId: () => MutationId;
  /** For `undone`: the record for which its group waits; null if the group cannot be taken any more as it was. */
  readonly blocker: RecordRef | null;
  /** For `undone`: whether what kept the group back is sent again by itself. */
  readonly again: UndoneGroup['again'];
  readonly run: RunId;
}

function codeOf(outcome: Exclude<Outcome, { readonly type: 'applied' | 'later' | 'undone' }>): FailureCode {
  if (outcome.type === 'rejected') return outcome.code;
  return outcome.type === 'fenced' ? 'unknown' : outcome.type;
}

/** What an outcome makes of a command: a refused one stays, to be sent again or given up by the user (F-02). Pure. */
export function settleCommand(row: CommandRow, outcome: Outcome, context: CommandContext): SettledCommand {
  switch (outcome.type) {
    case 'applied':
      return { verdict: 'taken', row: null, failure: null };
    case 'later':
      return { verdict: 'later', row: { ...row, triedIn: context.run }, failure: null };
    case 'undone': {
      const again = { ...withCommandState(row, 'pending'), mutationId: context.newId() };
      if (context.again === 'now') return { verdict: 'failed', row: again, failure: null };
      if (context.again === 'later')
        return { verdict: 'failed', row: { ...again, triedIn: context.run }, failure: null };
      if (context.blocker !== null) {
        return {
          verdict: 'failed',
          row: withCommandState(again, 'blocked', waitingAsAnswered(context.blocker)),
          failure: null,
        };
      }
      const message = 'Another part of its group can no longer be taken.';
      const stays = withCommandState(again, 'rejected', { code: 'superseded', message });
      return { verdict: 'failed', row: stays, failure: { code: 'superseded', message } };
    }
    default: {
      const code = codeOf(outcome);
      const message = 'message' in outcome ? outcome.message : 'The server did not take the command.';
      const references = outcome.type === 'dangling' ? { references: outcome.references } : {};
      const fields = outcome.type === 'rejected' && outcome.fields !== undefined ? { fields: outcome.fields } : {};
      const failure = { code, message, ...references, ...fields };
      return { verdict: 'failed', row: withCommandState(row, 'rejected', failure), failure };
    }
  }
}
