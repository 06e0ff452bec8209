// docs/guide/gateway.md: its calls are sent as they stand, and what a gateway answers has the fields that the guide shows.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect } from 'vitest';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { shapeOf } from '../../helpers/json-shape.ts';
import { rawSocket, statusOf } from '../../helpers/raw-http.ts';
import { until } from '../../helpers/wait.ts';

afterEach(stopGateways);

const guide = readFileSync(new URL('../../../docs/guide/gateway.md', import.meta.url), 'utf8');
const section = guide.slice(guide.indexOf('## The six calls'), guide.indexOf('## Health'));
/** Commands, each with the answer that follows it, where one does. */
const blocks = [...section.matchAll(/```(sh|json)\n([\s\S]*?)```/g)].map(([, kind, text]) => ({ kind, text: text! }));

async function shell(text: string): Promise<string> {
  const child = spawn('/bin/sh', ['-ec', text], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  await new Promise((resolve) => child.once('close', resolve));
  return out;
}

describe('the guide to the gateway', () => {
  it('shows the six calls with what they answer', async ({ db, session, rows }) => {
    const { url, call } = await startGateway(db);
    const data = { username: 'user@example.com', app_id: 'com.example.app' };
    const dates = { start_date: '2024-01-01', end_date: '2024-01-01' };
    const id = await rows.task({ task_type: 'sync_data', priority: 7, ...data, ...dates });
    const here = (text: string) => text.replaceAll('http://127.0.0.1:8000', url).replaceAll('12345', String(id));
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
    const { names } = db;
    expect(await rows.readTask(id)).toMatchObject({ status: 'done' });
    const result = { records_processed: 1500, execution_time: 120 };
    const [attempt] = await session.rows(`SELECT status, result, device_id FROM ${names.assignment}`);
    expect(attempt).toMatchObject({ status: 'completed', device_id: 'worker-001' });
    expect(JSON.parse(attempt?.result)).toEqual(result);
    const [device] = await session.rows(`SELECT status, lock_name FROM ${names.device} WHERE device_id = 'worker-001'`);
    expect(device).toEqual({ status: 'online', lock_name: null });
    const history = await session.rows(`SELECT cpu_usage, memory_usage, disk_usage, active_tasks FROM ${names.heartbeat}
      WHERE device_id = 'worker-001'`);
    expect(history).toEqual([{ cpu_usage: 45.2, memory_usage: 68.5, disk_usage: 32.1, active_tasks: 1 }]);
    expect((await call('/api/v1/tasks/next?device_id=worker-001')).status).toBe(204);
    const again = await call(`/api/v1/tasks/${id}/result`, { device_id: 'worker-001', status: 'completed', result });
    expect(again.json).toMatchObject({ status: 'committed', task_status: 'done' });
  });
});

describe('a gateway that stops', () => {
  it('answers a device that waits for a task with 204, and ends events with a comment', async ({ db }) => {
    const gateway = await startGateway(db);
    const { call, url } = gateway;
    const device = { device_id: 'w1', device_type: 'worker', capabilities: { supported_tasks: ['none'] } };
    expect((await call('/api/v1/devices/register', device)).status).toBe(200);
    const [wait, events] = await Promise.all([rawSocket(url), rawSocket(url)]);
    wait.socket.write('GET /api/v1/tasks/next?device_id=w1&wait=60 HTTP/1.1\r\nHost: a\r\n\r\n');
    events.socket.write('GET /api/v1/events HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => events.text.includes('event: ready'));
    // The wait has begun when its device holds a connection that is answered later.
    await until(() => gateway.app.connections.underWay >= 2);
    await gateway.stop();
    await Promise.all([wait.closed, events.closed]);
    expect(statusOf(wait.text)).toBe(204);
    expect(events.text).toContain(': the gateway stops\n\n');
  });
});
