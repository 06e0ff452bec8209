// The calls of the design document (section 5), replayed as it writes them. The client knows nothing else.
import { afterEach, beforeEach, describe, expect } from 'vitest';
import type { Given } from '../../helpers/fixture.ts';
import { it as base } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';

const it = base;
let given: Given;
let gateway: TestGateway;
it.beforeEach(async ({ given: g }) => {
  given = g;
  gateway = await startGateway(given.db);
});
afterEach(stopGateways);
beforeEach(() => {});

const REGISTER = {
  device_id: 'worker-001',
  device_name: 'Worker Node 1',
  device_type: 'worker',
  ip_address: '192.168.1.100',
  port: 8001,
  capabilities: { supported_tasks: ['sync_apps', 'sync_data'], max_concurrent: 5, proxy_support: true },
};
const RESULT = {
  device_id: 'worker-001',
  status: 'completed',
  result: { records_processed: 1500, execution_time: 120 },
  error_message: null,
};
const HEARTBEAT = {
  timestamp: '2024-01-01T12:00:00Z',
  status: 'online',
  system_info: { cpu_usage: 45.2, memory_usage: 68.5, disk_usage: 32.1, active_tasks: 3 },
};

/** The task of 5.1.2. */
const documentTask = () =>
  given.rows.task({
    task_type: 'sync_data',
    username: 'user@example.com',
    app_id: 'com.example.app',
    start_date: '2024-01-01',
    end_date: '2024-01-01',
    priority: 7,
  });

describe('the calls of the design document', () => {
  it('register, next, result: as the document writes them', async () => {
    const task_id = await documentTask();
    const registered = await gateway.call('/api/v1/devices/register', REGISTER);
    expect(registered.status).toBe(200);
    expect(registered.json).toMatchObject({ device_id: 'worker-001', status: 'online' });
    const next = await gateway.call('/api/v1/tasks/next?device_id=worker-001');
    expect(next.status).toBe(200);
    expect(next.json).toMatchObject({
      task_id,
      task_type: 'sync_data',
      task_data: {
        username: 'user@example.com',
        app_id: 'com.example.app',
        start_date: '2024-01-01',
        end_date: '2024-01-01',
      },
      priority: 7,
      timeout: 1800,
      retry_count: 0,
    });
    expect((await gateway.call('/api/v1/tasks/next?device_id=worker-001')).status).toBe(204);
    const result = await gateway.call(`/api/v1/tasks/${task_id}/result`, RESULT);
    expect(result).toMatchObject({ status: 200, json: { task_id, status: 'accepted', task_status: 'done' } });
    const again = await gateway.call(`/api/v1/tasks/${task_id}/result`, RESULT);
    expect(again).toMatchObject({ status: 200, json: { status: 'committed', task_status: 'done' } });
    expect(await given.rows.readTask(task_id)).toMatchObject({ status: 'done' });
    const [attempt] = await given.session.rows(`SELECT status, result, device_id FROM ${given.db.names.assignment}`);
    expect(attempt).toMatchObject({ status: 'completed', device_id: 'worker-001' });
    expect(JSON.parse(attempt?.result)).toEqual(RESULT.result);
  });

  it('heartbeat: as the document writes it', async () => {
    await gateway.call('/api/v1/devices/register', REGISTER);
    const beat = await gateway.call('/api/v1/devices/worker-001/heartbeat', HEARTBEAT);
    expect(beat).toMatchObject({
      status: 200,
      json: { device: { operator_state: 'active', status: 'online' }, open: [] },
    });
    const { names } = given.db;
    const [device] = await given.session.rows(
      `SELECT status, current_tasks, lock_name FROM ${names.device} WHERE device_id = 'worker-001'`,
    );
    expect(device).toEqual({ status: 'online', current_tasks: 3, lock_name: null });
    const history = await given.session.rows(
      `SELECT cpu_usage, memory_usage, disk_usage, active_tasks FROM ${names.heartbeat} WHERE device_id = 'worker-001'`,
    );
    expect(history).toEqual([{ cpu_usage: 45.2, memory_usage: 68.5, disk_usage: 32.1, active_tasks: 3 }]);
  });
});
