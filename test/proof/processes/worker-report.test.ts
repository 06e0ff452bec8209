// What running tasks report, over the end and the standstill of real processes.
import { describe, expect, it } from 'vitest';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { type Scene, scene } from '../../helpers/scene.ts';

/** Does items 1 to 6, with a checkpoint after each; waits for the gate of its device after the third. Ignores its signal. */
const RESUME = `
import { appendFileSync, existsSync } from 'node:fs';
const here = new URL('./', import.meta.url).pathname;
const note = (line) => appendFileSync(here + 'ledger', JSON.stringify({ pid: process.pid, device_id: '', ...line }) + '\\n');
export default async function resume({ task_id, checkpoint }, ctx) {
  const { device_id, attempt } = ctx;
  const who = { task_id, device_id, attempt };
  note({ ...who, what: 'start', from: checkpoint?.next ?? 1 });
  for (let n = checkpoint?.next ?? 1; n <= 6; n += 1) {
    note({ ...who, what: 'item', n });
    ctx.progress(n, 6);
    await ctx.checkpoint({ next: n + 1 }).catch((error) => note({ ...who, what: 'refused', n, error: error.message }));
    if (n === 3) {
      note({ ...who, what: 'waits' });
      while (!existsSync(here + device_id)) await new Promise((go) => setTimeout(go, 20));
    }
  }
  note({ ...who, what: 'end' });
}
`;

const resumes = (isolation: string, more: object = {}) => ({
  handlers: { resume: { module: './resume.mjs', isolation } },
  files: { 'resume.mjs': RESUME },
  ...more,
});
const noted = (s: Scene, line: object) => s.noted(line as Parameters<Scene['noted']>[0]);
const items = async (s: Scene, device: string) =>
  ((await s.ledger()) as Array<{ what: string; device_id: string; n?: number }>).flatMap(({ what, device_id, n }) =>
    what === 'item' && device_id === device ? [n] : [],
  );

describe.concurrent('a task that stores checkpoints', { timeout: MINUTES }, () => {
  it.for(['none', 'process'])(
    'C14 goes on where it stopped, on another device, after kill -9 (isolation: %s)',
    async (isolation, test) => {
      const s = await scene(test, `resume_${isolation}`, resumes(isolation));
      const first = s.start('worker', { deviceId: 'first' });
      const id = await s.add({}, { task_type: 'resume', priority: 5 });
      await noted(s, { what: 'waits', device_id: 'first' });
      await s.start('worker', { deviceId: 'second' }).event('worker:started');
      first.kill('SIGKILL');
      await s.ended([id]);
      expect([await items(s, 'first'), await items(s, 'second')]).toEqual([
        [1, 2, 3],
        [4, 5, 6],
      ]);
      expect(await s.attempts(id)).toMatchObject([{ status: 'lost' }, { status: 'completed', device_id: 'second' }]);
    },
  );

  it('C14 a worker that was frozen and whose task another one has is refused: nothing of it is overwritten', async (test) => {
    // The lost attempt is aborted: its handler needs the time to bring its three refused checkpoints, on a busy machine too.
    const more = { master: { heartbeat_timeout: 3, lease_trust: 2 }, worker: { kill_grace: 60 } };
    const s = await scene(test, 'frozen_report', resumes('thread', more));
    const sleeper = s.start('worker', { deviceId: 'sleeper' });
    const id = await s.add({}, { task_type: 'resume' });
    await noted(s, { what: 'waits', device_id: 'sleeper' });
    await s.start('worker', { deviceId: 'other' }).event('worker:started');
    sleeper.kill('SIGSTOP');
    await noted(s, { what: 'start', device_id: 'other', from: 4 });
    await s.ended([id]);
    const { progress, checkpoint } = s.db.names;
    const row = () => s.session.rows(`SELECT * FROM ${progress} WHERE task_id = ? AND attempt = 1`, [id]);
    const before = await row();
    await s.open('sleeper');
    sleeper.kill('SIGCONT');
    await noted(s, { what: 'end', device_id: 'sleeper' });
    const refused = (await s.ledger()).filter((line) => (line as { what: string }).what === 'refused');
    expect(refused).toMatchObject([4, 5, 6].map((n) => ({ n, device_id: 'sleeper', error: expect.any(String) })));
    expect(await row()).toEqual(before);
    expect(await s.session.rows(`SELECT * FROM ${checkpoint} WHERE value LIKE '%7%'`)).toEqual([]);
    expect(await s.attempts(id)).toMatchObject([{ status: 'lost' }, { status: 'completed' }]);
  });
});
