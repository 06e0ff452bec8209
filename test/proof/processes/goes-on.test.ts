import { describe, expect, it } from 'vitest';
import { runProcess } from '../../helpers/command.ts';
import { MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { scene } from '../../helpers/scene.ts';
import { until } from '../../helpers/wait.ts';

/** Counts to 6, with a checkpoint after each; goes no further than 3 where its gate is shut. */
const COUNTS = `import { existsSync } from 'node:fs';
export default async ({ checkpoint, attempt }, ctx) => {
  const from = checkpoint?.next ?? 1;
  for (let n = from; n <= 6; n += 1) {
    console.log('attempt', attempt, 'line', n);
    await ctx.checkpoint({ next: n + 1 });
    while (n === 3 && !existsSync(new URL('go', import.meta.url))) await new Promise((end) => setTimeout(end, 20));
  }
  return { from, by: ctx.device_id };
};`;

describe.concurrent('a task whose worker is killed', { timeout: MINUTES }, () => {
  it.for(['none', 'process', 'remote'])(
    'C14 goes on at its checkpoint on another device, and afd logs --follow with it (%s)',
    async (how, test) => {
      const s = await scene(test, `goes_on_${how}`, {
        handlers: { counts: { module: './counts.mjs', ...(how === 'remote' ? {} : { isolation: how }) } },
        files: { 'counts.mjs': COUNTS },
        master: { lost_backoff: [0, 0, 0] },
      });
      s.start('leader', { deviceId: 'boss' });
      const env = how === 'remote' ? { AFD_WORKER_GATEWAY: (await s.serve()).url } : {};
      const first = s.start('worker', { deviceId: 'first', env });
      const id = await s.add({}, { task_type: 'counts' });
      const following = s.run('logs', String(id), '--follow');
      const enough = `SELECT 1 FROM ${s.db.names.checkpoint} WHERE task_id = ? AND value LIKE '%4%'`;
      await until(async () => (await s.session.rows(enough, [id])).length > 0, PATIENCE_MS, 'the third checkpoint');
      const log = `SELECT 1 FROM ${s.db.names.log} WHERE task_id = ?`;
      await until(async () => (await s.session.rows(log, [id])).length > 0, PATIENCE_MS, 'lines of attempt 1');
      if (how === 'none') {
        // A reader that leaves ends the command.
        const wrapper = ['sh', '-c', '"$@" | head -2', 'sh'];
        const left = await runProcess(['logs', String(id), '--follow'], { cwd: s.dir, wrapper });
        expect(left.stdout.split('\n').filter((line) => line !== '')).toHaveLength(2);
        expect(left.stderr).not.toMatch(/EPIPE|at /);
      }
      first.kill('SIGKILL');
      await s.start('worker', { deviceId: 'second', env }).event('worker:started');
      await s.open('go');
      await s.ended([id]);
      const result = `SELECT status, device_id, result FROM ${s.db.names.assignment} WHERE task_id = ? ORDER BY attempt`;
      const [lost, done] = await s.session.rows(result, [id]);
      expect([lost, done]).toMatchObject([{ status: 'lost', device_id: 'first' }, { status: 'completed' }]);
      expect(JSON.parse(done!.result)).toEqual({ from: 4, by: 'second' });
      const { stdout, code } = await following;
      expect(code).toBe(0);
      // Every line but those of the last second before the kill, each once, in order.
      expect(stdout.split('\n').filter((line) => line !== '')).toEqual([
        `── Task ${id} (counts), attempt 1 on first ──`,
        ...[1, 2, 3].map((n) => expect.stringContaining(`attempt 1 line ${n}`)),
        expect.stringMatching(/^── Attempt 1 on first: lost/),
        `── Task ${id} (counts), attempt 2 on second ──`,
        ...[4, 5, 6].map((n) => expect.stringContaining(`attempt 2 line ${n}`)),
        '── Attempt 2 on second: completed ──',
        `── Task ${id} is done. ──`,
      ]);
    },
  );
});
