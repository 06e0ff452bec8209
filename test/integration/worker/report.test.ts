// What attempts report, in the database. When and how often it is written: unit/core/worker/report/reporter.test.ts.
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { commandHandler } from '../../../src/core/handlers/command/command-handler.ts';
import type { HandlerContext } from '../../../src/core/handlers/handler.ts';
import { commandOptions } from '../../fixtures/handlers/command.ts';
import { until } from '../../helpers/wait.ts';
import { it, type Work } from '../../helpers/worked-tasks.ts';

const progress = async ({ session, names }: Work) => (await session.rows(`SELECT * FROM ${names.progress}`))[0];
const checkpoints = ({ session, names }: Work) =>
  session.rows(`SELECT task_id, attempt, value FROM ${names.checkpoint}`);

/** A worker whose handler a test leads. */
function led({ start }: Work) {
  const calls: Array<{ ctx: HandlerContext; checkpoint: unknown; end: (result?: unknown) => void }> = [];
  start({ handlers: { t: ({ checkpoint }, ctx) => new Promise((end) => calls.push({ ctx, checkpoint, end })) } });
  return (n: number) => until(() => calls[n], 20_000, `call ${n} of the handler`);
}

it('what an attempt reports is in the database while it runs, and the last of it after its end', async ({ work }) => {
  const call = led(work);
  const id = await work.add();
  const { ctx, end } = await call(0);
  ctx.progress(1, 10, 'page 1');
  await until(async () => (await progress(work))?.done === 1, 20_000, 'the first progress');
  for (let n = 2; n <= 10; n += 1) ctx.progress(n, 10);
  ctx.metric('rows', 7);
  end();
  await work.ended(id);
  const row = { task_id: id, attempt: 1, device_id: 'w1', done: 10, total: 10, message: null, begun_done: 1 };
  expect(await progress(work)).toMatchObject(row);
  expect(JSON.parse((await progress(work))!.metrics)).toEqual({ rows: 7 });
});

const SAYS = `say() { printf "$@" >&$AFD_EVENTS_FD; }
if [ $AFD_ATTEMPT = 1 ]; then
  say '{"type":"progress","done":3,"total":10,"message":"pages"}\\n{"type":"metric","name":"rows","value":7}\\n'
  say '{"type":"later","after":0,"message":"more tomorrow"}\\n{"type":"checkpoint","value":{"page":3}}\\n'
else
  printf '{"type":"result","value":%s}' "$(cat)" >&$AFD_EVENTS_FD
fi`;

it('what a command says just before it exits is stored, and the next attempt gets its checkpoint', async ({ work }) => {
  work.start({ handlers: { t: commandHandler(commandOptions(['sh', '-c', SAYS])) } });
  const id = await work.add();
  await work.ended(id);
  const ends = await work.attempts(id);
  expect(ends.map((row) => row.error_message)).toEqual(['more tomorrow', null]);
  expect(JSON.parse(String(ends[1]!.result))).toMatchObject({ task_id: id, attempt: 2, checkpoint: { page: 3 } });
  expect(await progress(work)).toMatchObject({ done: 3, total: 10, message: 'pages', metrics: '{"rows":7}' });
});

it('C14 a checkpoint is given to the next attempt, and to the one after it', async ({ work }) => {
  const call = led(work);
  const id = await work.add({ max_retry_count: 5 });
  const value = { next: 3, rest: ['b', 'a'] };
  const first = await call(0);
  expect(first.checkpoint).toBeNull();
  await first.ctx.checkpoint(value);
  expect(await checkpoints(work)).toEqual([{ task_id: id, attempt: 1, value: JSON.stringify(value) }]);
  first.end({ status: 'failed' });
  for (const n of [1, 2]) {
    const next = await call(n);
    expect(next.checkpoint).toEqual(value);
    next.end(n === 1 ? { status: 'failed' } : undefined);
  }
  await work.ended(id);
  await until(async () => (await checkpoints(work)).length === 0, 20_000, 'the checkpoint of a done task is gone');
});

it('a checkpoint of an attempt that another process has taken over is refused, and its handler is aborted', async ({
  work,
}) => {
  const call = led(work);
  const id = await work.add();
  const { ctx, end } = await call(0);
  await work.session.write(`UPDATE ${work.names.task} SET claim_token = ? WHERE id = ?`, [randomBytes(16), id]);
  await expect(ctx.checkpoint('late')).rejects.toThrow('no longer holds its task');
  expect([ctx.signal.reason, await checkpoints(work)]).toEqual(['lost', []]);
  end();
});
