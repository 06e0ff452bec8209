// Sentences for an operator about a thread of handlers.
import { counted } from '../../domain/text/counted.ts';

/** `blocker`: the attempt whose code runs there, when that is known. `open`: attempts in that thread. */
export function silentSentence(blocker: string | undefined, open: number, ms: number): string {
  const others = blocker === undefined ? open : open - 1;
  return (
    `${blocker === undefined ? 'a handler' : `the handler of ${blocker},`} has blocked its thread for ` +
    `${Math.round(ms / 1000)} s: ${counted(others, 'other attempt')} ${others === 1 ? 'is' : 'are'} waiting in that thread, and new attempts start in ` +
    'another thread; await more often in the handler, or run it as a command (exec)'
  );
}

export function ignoredSentence(attempt: string, answers: boolean, others: number): string {
  return (
    `${attempt} ignores its abort signal${answers ? '' : ' and blocks its thread'}, so its thread will be terminated ` +
    `(${counted(others, 'other attempt')} ${others === 1 ? 'runs' : 'run'} there); make the handler obey ctx.signal`
  );
}
