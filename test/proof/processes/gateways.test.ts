// `afd gateway` and `afd start --mode master` as processes: where they listen, how many they are, how they end.

import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type FleetProcess, gone, MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { shapeOf } from '../../helpers/json-shape.ts';
import { exchange, rawSocket, statusOf } from '../../helpers/raw-http.ts';
import { type Scene, scene } from '../../helpers/scene.ts';
import { until } from '../../helpers/wait.ts';

const HEALTH = 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** Of the answers of several connections: which processes answered. */
async function serving(url: string): Promise<Set<string>> {
  const answers = await Promise.all(Array.from({ length: 16 }, () => exchange(url, HEALTH).catch(() => '')));
  return new Set(
    answers.filter((one) => statusOf(one) === 200).map((one) => JSON.parse(one.split('\r\n\r\n')[1]!).device_id),
  );
}

const devices = async ({ session, db }: Scene) =>
  session.rows<{ device_id: string; device_type: string; pid: number; status: string }>(
    `SELECT device_id, device_type, pid, status FROM ${db.names.device} ORDER BY device_id`,
  );

const gateways = async (s: Scene, status = 'online') =>
  (await devices(s)).filter((one) => one.device_type === 'gateway' && one.status === status);

const resultOf = ({ output }: FleetProcess) => JSON.parse(output.slice(output.lastIndexOf('\n{\n') + 1));

/** Whether anything accepts at this address. */
const accepts = (host: string, port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

describe('a gateway', { timeout: MINUTES }, () => {
  it('with the configuration of the design document starts, exposes nothing, and says so with the reason', async (test) => {
    const s = await scene(test, 'exposed', { server: { host: '0.0.0.0', port: 0, workers: 4 } });
    const { process: gateway, url } = await s.serve({ args: ['gateway'] });
    const { hostname, port } = new URL(url);
    expect(hostname).toBe('127.0.0.1');
    const others = Object.values(networkInterfaces()).flatMap((list = []) => list.filter((one) => !one.internal));
    const addresses = others.map(({ address, scopeid }) => (scopeid ? `${address}%${scopeid}` : address));
    // Every address of the loopback but the one would be reachable too, had it bound 0.0.0.0.
    for (const address of [...addresses, '127.0.0.2', '127.0.0.1'])
      expect([address, await accepts(address, Number(port))]).toEqual([address, address === '127.0.0.1']);
    const said = gateway.lines.filter((line) => line.message.includes('server.host is "0.0.0.0"'));
    expect(said).toMatchObject([{ level: 'warn', message: expect.stringContaining('server.auth is none') }]);
  });

  it('prints one URL and its devices as its result; one that cannot bind this port ends with 78 and names another', async (test) => {
    const s = await scene(test, 'result');
    const { process: gateway, url } = await s.serve({ args: ['gateway', '--port', '0', '--workers', '2', '--json'] });
    await until(async () => (await serving(url)).size === 2, PATIENCE_MS, 'answers of two processes');
    const device_ids = (await gateways(s)).map(({ device_id }) => device_id);
    const { port } = new URL(url);
    for (const workers of ['1', '3']) {
      const { code, stderr } = await s.run('gateway', '--port', port, '--workers', workers);
      expect([code, stderr]).toEqual([78, expect.stringContaining(`cannot listen on 127.0.0.1:${port} (EADDRINUSE)`)]);
      expect(stderr).toContain('afd gateway --port 8001');
    }
    gateway.kill('SIGINT');
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
    expect(resultOf(gateway)).toEqual({ url, device_ids });
    const shape = `${JSON.stringify(shapeOf(resultOf(gateway)), null, 2)}\n`;
    await expect(shape).toMatchFileSnapshot(fileURLToPath(new URL('../../golden/json/gateway.json', import.meta.url)));
  });

  it('with --workers 3 has three processes on one port, each a device; one that dies is replaced; SIGTERM ends all', async (test) => {
    const s = await scene(test, 'three');
    const { process: gateway, url } = await s.serve({ args: ['gateway', '--port', '0', '--workers', '3'] });
    await until(async () => (await gateways(s)).length === 3, PATIENCE_MS, 'three gateways');
    await until(async () => (await serving(url)).size === 3, PATIENCE_MS, 'answers of three processes');
    const before = await gateways(s);
    expect(before.every(({ pid }) => pid !== gateway.pid)).toBe(true);

    const victim = before[1]!;
    process.kill(victim.pid, 'SIGKILL');
    const { message } = await gateway.event('warning', (line) => line.message.includes('another one starts'));
    expect(message).toBe(`process ${victim.pid} of the gateway ended (SIGKILL); another one starts`);
    await until(async () => (await serving(url)).size === 3, PATIENCE_MS, 'three processes again');
    const after = (await gateways(s)).map(({ pid }) => pid);
    expect(after).not.toContain(victim.pid);

    // A request that is under way is answered, by whichever process has it.
    const open = await rawSocket(url);
    open.socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n');
    gateway.kill('SIGTERM');
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
    for (const pid of after) expect(gone(pid)).toBe(true);
    await until(async () => (await gateways(s, 'offline')).length >= 3, PATIENCE_MS, 'the end of their rows');
    // On a busy machine the start of a process may take so long that it says so.
    const errors = gateway.lines.filter((line) => line.level === 'error' && line.event !== 'main:blocked');
    expect(errors.map((line) => line.message)).toEqual([]);
    expect(gateway.lines.filter((line) => line.message.includes('another one starts'))).toHaveLength(1);
  });

  it('whose first process is killed leaves no other behind', async (test) => {
    const s = await scene(test, 'orphans');
    const { process: gateway } = await s.serve({ args: ['gateway', '--port', '0', '--workers', '2'] });
    await until(async () => (await gateways(s)).length === 2, PATIENCE_MS, 'two gateways');
    const pids = (await gateways(s)).map(({ pid }) => pid);
    gateway.kill('SIGKILL');
    await until(() => pids.every((pid) => gone(pid)), PATIENCE_MS, 'the end of its processes');
    expect(pids).toHaveLength(2);
  });
});

describe('afd start --mode master', { timeout: MINUTES }, () => {
  it('runs the leader and a gateway beside it when server is configured, and both end together', async (test) => {
    const s = await scene(test, 'master', { server: { port: 0, workers: 2 } });
    const { process: master, url } = await s.serve({ args: ['start', '--mode', 'master', '--json'] });
    await master.event('leader:gained');
    await until(async () => (await serving(url)).size === 2, PATIENCE_MS, 'answers of two processes');
    expect((await devices(s)).filter((one) => one.device_type === 'master')).toHaveLength(1);
    master.kill('SIGTERM');
    expect(await master.exit).toEqual({ code: 0, signal: null });
    const { device_id, gateway } = resultOf(master);
    expect([device_id, gateway.url, gateway.device_ids.length]).toEqual([expect.stringMatching(/-leader$/), url, 2]);
    await until(async () => (await devices(s)).every((one) => one.status === 'offline'), PATIENCE_MS, 'the end of all');
  });

  it('ends with the code of the gateway when that cannot serve, and with the leader when that fails', async (test) => {
    const s = await scene(test, 'fails');
    const { url } = await s.serve();
    const { port } = new URL(url);
    for (const workers of ['1', '2']) {
      const { code, stderr } = await s.run('start', '--mode', 'master', '--port', port, '--workers', workers);
      expect([code, stderr]).toEqual([78, expect.stringContaining('(EADDRINUSE)')]);
    }
    const first = s.start('leader', { deviceId: 'here' });
    await first.event('leader:gained');
    // None beside that leader, since no key of server is given.
    expect(await gateways(s)).toHaveLength(1);
    const { code, stderr } = await s.run('start', '--mode', 'master', '--port', '0', '--device-id', 'here');
    expect([code, stderr]).toEqual([5, expect.stringContaining('here')]);
  });
});
