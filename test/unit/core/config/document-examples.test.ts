import { describe, expect, it } from 'vitest';
import { load } from './config-folder.ts';
import { MASTER, WORKER } from './document.ts';

// Section 6.2 of the design document, comments and all.
const WORKER_YAML = `
DISTRIBUTION:
  enabled: True
  mode: worker
  # 主设备连接配置
  master:
    host: 192.168.1.10
    port: 8000
    api_key: your-api-key
  worker:
    device_id: worker-001
    device_name: Worker Node 1
    max_concurrent_tasks: 5
    heartbeat_interval: 30  # 心跳间隔(秒)
    task_poll_interval: 10
    capabilities:
      supported_tasks: [sync_apps, sync_data]
      proxy_support: True
      browser_support: True
`;
const env = { AFD_DATABASE_URL: 'mysql://afd@127.0.0.1:3306/afd' };

describe("the design document's examples", () => {
  it('load as they stand: the master, as JSON', async () => {
    const { config, warnings, origins } = await load(JSON.stringify({ DISTRIBUTION: MASTER }, null, 2), { env });
    expect(config.mode).toBe('master');
    expect(config.server).toMatchObject({
      ...{ host: '0.0.0.0', port: 8000, workers: 4, auth: 'none', trusted_proxies: [], access_log: false },
    });
    expect(config.master).toMatchObject(MASTER.master);
    expect(config.load_balancer).toMatchObject(MASTER.load_balancer);
    expect(origins['master.max_retry_count']).toBe('file');
    expect(warnings).toEqual([]);
  });

  it('load as they stand: the worker, as YAML; its master connection is named once as not used', async () => {
    const { config, warnings } = await load(WORKER_YAML, { env });
    expect(config.worker).toMatchObject(WORKER.worker);
    expect(warnings.filter((w) => w.includes('not used'))).toEqual([
      'master.host, master.port, master.api_key are not used: this node connects to the database directly; a remote worker is one with worker.gateway',
    ]);
    expect(warnings.some((w) => w.includes('2 × worker.heartbeat_interval + 5 s = 65 s'))).toBe(true);
  });

  it('take our keys inside DISTRIBUTION or next to it, in either case', async () => {
    const next = await load(`${WORKER_YAML}handlers: { sync_apps: { module: ./a.ts } }`, { env });
    expect(Object.keys(next.config.handlers)).toEqual(['sync_apps']);
    const yaml = 'distribution: { tables: { prefix: cl_ }, worker: { region: eu } }\nlog: { level: warn }';
    const inside = { tables: { prefix: 'cl_' }, worker: { region: 'eu' }, log: { level: 'warn' } };
    expect((await load(yaml, { env })).config).toMatchObject(inside);
  });

  it('take a section whose keys are all commented out for absent', async () => {
    const { config, origins } = await load('worker:\n  # region: eu\nmaster:\n  heartbeat_timeout:\n', { env });
    expect([config.master.heartbeat_timeout, origins['master.heartbeat_timeout']]).toEqual([60, 'default']);
  });

  it('are warned about where a value is dangerous, and obeyed', async () => {
    const { config, warnings } = await load(
      `master: { lease_trust: 10, heartbeat_timeout: 3, lock_check_interval: 0, max_retry_count: 0 }
worker: { max_concurrent_tasks: 101, on_lost_database: finish }`,
      { env },
    );
    expect(config.master.heartbeat_timeout).toBe(3);
    for (const sentence of [
      'master.heartbeat_timeout is 3 s, less than',
      'master.lease_trust (10 s) is not below master.lease_duration (10 s)',
      'master.lock_check_interval is 0',
      'master.max_retry_count is 0',
      'worker.max_concurrent_tasks is 101',
      'worker.on_lost_database is finish',
    ]) {
      expect(warnings.join('\n')).toContain(sentence);
    }
  });
});
