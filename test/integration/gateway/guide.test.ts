// docs/guide/gateway.md: its calls are sent as they stand, and what a gateway answers has the fields that the guide shows.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { readProjectFile } from '../../contracts/project-files.ts';
import { it } from '../../helpers/fixture.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { shapeOf } from '../../helpers/json-shape.ts';

let { session, names, rows, gateway, next, result } = {} as GatewayApi;
eachWithGateway((opened) => ({ session, names, rows, gateway, next, result } = opened));

const guide = readProjectFile('docs/guide/gateway.md') ?? '';
const section = guide.slice(guide.indexOf('## The six calls'), guide.indexOf('## Health'));
/** Commands, each with the answer that follows it, where one does. */
const blocks = [...section.matchAll(/```(sh|json)\n([\s\S]*?)```/g)].map(([, kind, text]) => ({ kind, text: text! }));
const shell = async (text: string) => (await promisify(execFile)('/bin/sh', ['-ec', text])).stdout;

it('the guide to the gateway shows the six calls with what they answer', async () => {
  const data = { username: 'user@example.com', app_id: 'com.example.app' };
  const dates = { start_date: '2024-01-01', end_date: '2024-01-01' };
  const id = await rows.task({ task_type: 'sync_data', priority: 7, ...data, ...dates });
  const here = (text: string) => text.replaceAll('http://127.0.0.1:8000', gateway.url).replaceAll('12345', String(id));
  expect(blocks.filter(({ kind }) => kind === 'sh')).toHaveLength(5);
  for (const [n, { kind, text }] of blocks.entries()) {
    if (kind !== 'sh') continue;
    const answer = await shell(here(text));
    const shown = blocks[n + 1]?.kind === 'json' ? blocks[n + 1]!.text : undefined;
    if (shown === undefined) {
      expect(answer).toContain('{"devices":[');
      expect(answer).toContain('{"assignments":[');
      continue;
    }
    const { settings: _one, ...got } = JSON.parse(answer) as Record<string, unknown>;
    const { settings: _other, ...expected } = JSON.parse(here(shown)) as Record<string, unknown>;
    expect(shapeOf(got)).toEqual(shapeOf(expected));
  }
  expect(await rows.readTask(id)).toMatchObject({ status: 'done' });
  const [attempt] = await session.rows(`SELECT status, result, device_id FROM ${names.assignment}`);
  expect(attempt).toMatchObject({ status: 'completed', device_id: 'worker-001' });
  expect(JSON.parse(attempt?.result)).toEqual({ records_processed: 1500, execution_time: 120 });
  const [device] = await session.rows(`SELECT status, lock_name FROM ${names.device} WHERE device_id = 'worker-001'`);
  expect(device).toEqual({ status: 'online', lock_name: null });
  const history = await session.rows(`SELECT cpu_usage, memory_usage, disk_usage, active_tasks FROM ${names.heartbeat}
    WHERE device_id = 'worker-001'`);
  expect(history).toEqual([{ cpu_usage: 45.2, memory_usage: 68.5, disk_usage: 32.1, active_tasks: 1 }]);
  expect((await next('worker-001')).status).toBe(204);
  const again = await result(id, { device_id: 'worker-001' });
  expect(again.json).toMatchObject({ status: 'committed', task_status: 'done' });
});
