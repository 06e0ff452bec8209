// Sentences for an operator about a thread of handlers.
import { counted } from '../../domain/text/counted.ts';

/** `blocker`: the attempt whose code runs there, when that is known. `open`: attempts in that thread. */
export function silentSentence(blocker: string | undefined, open: number, ms: number): string {
  const others = blocker === undefined ? open : open - 1;
  return (
    `${blocker === undefined ? 'a handler' : `the handler of ${blocker},`} has kept its thread busy for ` +
    `${Math.round(ms / 1000)} s without a pause: ${counted(others, 'other attempt')} ${others === 1 ? 'waits' : 'wait'} in that thread, new ones begin in ` +
    'another; give it pauses, or run it as a command (exec)'
  );
}

export function ignoredSentence(attempt: string, answers: boolean, others: number): string {
  return (
    `${attempt} ignores its abort signal${answers ? '' : ' and lets its thread read nothing'}: its thread is ended ` +
    `(${counted(others, 'other attempt')} ${others === 1 ? 'runs' : 'run'} there); make the handler obey ctx.signal`
  );
}
