import { thrownText } from '../../domain/text/thrown-text.ts';
import type { Attempt } from '../handler.ts';
import type { FromThread, ToThread } from './handler-thread-messages.ts';

type Said = Extract<FromThread, { kind: 'log' | 'report' | 'checkpoint' }>;

/** Passes on what a thread said of one of its attempts; undefined = the attempt has settled. Never throws. */
export function forwardSaid(attempt: Attempt | undefined, said: Said, answer: (message: ToThread) => void): void {
  if (attempt === undefined) return;
  if (said.kind === 'log') {
    attempt.log[said.level](said.message, said.fields);
  } else if (said.kind === 'report') {
    const { progress, metrics = {}, usage } = said;
    if (progress !== undefined) attempt.report.progress(progress.done, progress.total, progress.message ?? undefined);
    for (const [name, value] of Object.entries(metrics)) attempt.report.metric(name, value);
    if (usage !== undefined) attempt.report.usage(usage);
  } else {
    const { id, version, value } = said;
    attempt.report.checkpoint(value).then(
      () => answer({ kind: 'checkpointed', id, version }),
      (error: unknown) => answer({ kind: 'checkpointed', id, version, refused: thrownText(error) }),
    );
  }
}
