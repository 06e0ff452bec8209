/**
 * Names an attempt before and after it has a row: one claim token covers several tasks, and one task several attempts.
 * Code that has built it passes it on as `key`: to build it costs more than a lookup.
 */
export function attemptKey(one: { task_id: number; claim_token: Buffer; key?: string }): string {
  return one.key ?? `${one.claim_token.toString('hex')}/${one.task_id}`;
}
