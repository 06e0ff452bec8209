// `afd logs` as people use it: a process that follows while other processes run, die and take over.
import { describe, it } from 'vitest';
import { runProcess } from '../../helpers/command.ts';
import { MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { scene } from '../../helpers/scene.ts';
import { until } from '../../helpers/wait.ts';

const COUNTS = `import { existsSync } from 'node:fs';
export default async ({ task_data, attempt }, { signal, device_id }) => {
  for (let line = 1; !signal.aborted; line += 1) {
    console.log('attempt', attempt, 'line', line);
    if (existsSync(task_data.gate + '-' + device_id)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};`;

const numbers = (text: string, attempt: number) =>
  [...text.matchAll(new RegExp(`attempt ${attempt} line (\\d+)`, 'g'))].map((found) => Number(found[1]));
const counted = (n: number) => Array.from({ length: n }, (_, at) => at + 1);

describe.concurrent('afd logs TASK --follow', { timeout: MINUTES }, () => {
  it('goes on after a kill -9 on the next device, and ends with the task', async (test) => {
    const { expect } = test;
    const options = { handlers: { counts: { module: './counts.mjs' } }, files: { 'counts.mjs': COUNTS } };
    const s = await scene(test, 'logs_killed', { ...options, master: { lost_backoff: [0, 0, 0] } });
    const first = s.start('worker', { deviceId: 'first' });
    await first.event('worker:started');
    const id = await s.add({ gate: `${s.dir}/end` }, { task_type: 'counts' });
    const following = s.run('logs', String(id), '--follow');
    const written = async () => {
      const [row] = await s.session.rows(`SELECT MAX(to_byte) AS n FROM ${s.db.names.log} WHERE task_id = ?`, [id]);
      return Number(row?.n ?? 0) > 200;
    };
    await until(written, PATIENCE_MS, 'some lines of the first attempt');
    first.kill('SIGKILL');
    const second = s.start('worker', { deviceId: 'second' });
    await second.event('task:started', (line) => line.task_id === id);
    await s.open('end-second');
    const { stdout, code } = await following;
    expect(code).toBe(0);
    // Every line but those of the last second before the kill, each once, in order.
    const lines = numbers(stdout, 1);
    expect(lines.length).toBeGreaterThan(5);
    expect(lines).toEqual(counted(lines.length));
    const more = numbers(stdout, 2);
    expect(more).toEqual(counted(more.length));
    expect(more.length).toBeGreaterThan(0);
    const heads = stdout.split('\n').filter((line) => line.startsWith('──'));
    expect(heads).toEqual([
      `── Task ${id} (counts), attempt 1 on first ──`,
      expect.stringMatching(/^── Attempt 1 on first: lost/),
      `── Task ${id} (counts), attempt 2 on second ──`,
      '── Attempt 2 on second: completed ──',
      `── Task ${id} is done. ──`,
    ]);
  });

  it('ends when the reader of its output has left', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'logs_head', {
      handlers: { counts: { module: './counts.mjs' } },
      files: { 'counts.mjs': COUNTS },
    });
    const worker = s.start('worker', { deviceId: 'w' });
    await worker.event('worker:started');
    const id = await s.add({ gate: `${s.dir}/end` }, { task_type: 'counts' });
    const wrapper = ['sh', '-c', '"$@" | head -3', 'sh'];
    const { stdout, stderr } = await runProcess(['logs', String(id), '--follow'], { cwd: s.dir, wrapper });
    expect(stdout.split('\n').filter((line) => line !== '')).toHaveLength(3);
    expect(stderr).not.toMatch(/EPIPE|at /);
  });
});
