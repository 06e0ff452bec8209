/** Names an attempt before and after it has a row: one claim token covers several tasks, and one task several attempts. */
export function attemptKey(one: { task_id: number; claim_token: Buffer }): string {
  return `${one.claim_token.toString('hex')}/${one.task_id}`;
}
