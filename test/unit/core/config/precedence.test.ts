import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../src/core/config/load-config.ts';
import { DATABASE, folder, load, refusal } from './config-folder.ts';
import { MASTER, WORKER } from './document.ts';

const flag = (value: unknown) => [{ flag: '--slots', key: 'worker.max_concurrent_tasks', value }];
const URL_OF_ENV = { AFD_DATABASE_URL: 'mysql://afd@127.0.0.1:3306/afd' };

describe('capabilities.max_concurrent of the design document', () => {
  const capable = (max: unknown, rest = '') => `${DATABASE}worker: { capabilities: { max_concurrent: ${max} }${rest} }`;

  it.each<[string, string, Parameters<typeof load>[1], number]>([
    ['is the number of slots where nobody gives another', '', {}, 8],
    ['yields to max_concurrent_tasks of the file', ', max_concurrent_tasks: 3', {}, 3],
    ['yields to that of the environment', '', { env: { AFD_WORKER_MAX_CONCURRENT_TASKS: '7' } }, 7],
    ['yields to a flag', '', { flags: flag(5) }, 5],
  ])('%s, with a warning that names both', async (_, rest, options, slots) => {
    const { config, warnings } = await load(capable(8, rest), options);
    expect(config.worker.max_concurrent_tasks).toBe(slots);
    const both = `worker.capabilities.max_concurrent is 8, but worker.max_concurrent_tasks is ${slots}`;
    expect(warnings.filter((one) => one.startsWith(both))).toHaveLength(slots === 8 ? 0 : 1);
  });

  it.each(['0', '1.5', 'many'])('is refused when it is %s', async (value) => {
    expect((await refusal(capable(value))).message).toContain('worker.capabilities.max_concurrent');
  });
});

describe("the design document's examples", () => {
  it('load as they stand: the master without a warning; of the worker its master connection is named as not used', async () => {
    const master = await load(JSON.stringify({ DISTRIBUTION: MASTER }), { env: URL_OF_ENV });
    expect(master.config).toMatchObject({ ...MASTER, server: { port: 8000, auth: 'none' } });
    expect([master.origins['master.max_retry_count'], master.warnings]).toEqual(['file', []]);
    const worker = await load(JSON.stringify({ DISTRIBUTION: WORKER }), { env: URL_OF_ENV });
    expect(worker.config.worker).toMatchObject(WORKER.worker);
    expect(worker.warnings).toEqual([
      expect.stringContaining('2 × worker.heartbeat_interval + 5 s = 65 s'),
      'master.host, master.port, master.api_key are not used: this node connects to the database directly; a remote worker is one with worker.gateway',
    ]);
  });

  it('take our keys inside DISTRIBUTION or next to it, in either case; a section that is commented out is absent', async () => {
    const yaml =
      'distribution: { tables: { prefix: cl_ }, worker: { region: eu } }\nlog: { level: warn }\nmaster:\n  # x: 1\n';
    const { config, origins } = await load(yaml, { env: URL_OF_ENV });
    expect(config).toMatchObject({ tables: { prefix: 'cl_' }, worker: { region: 'eu' }, log: { level: 'warn' } });
    expect([config.master.heartbeat_timeout, origins['master.heartbeat_timeout']]).toEqual([60, 'default']);
  });
});

it.each([
  ['master: { lease_trust: 10 }', 'master.lease_trust (10 s) is not below master.lease_duration (10 s)'],
  ['master: { lock_check_interval: 0 }', 'master.lock_check_interval is 0'],
  ['worker: { on_lost_database: finish }', 'worker.on_lost_database is finish'],
])('a dangerous value is obeyed, with a warning: %s', async (yaml, sentence) => {
  const { warnings } = await load(yaml, { env: URL_OF_ENV });
  expect(warnings).toContainEqual(expect.stringContaining(sentence));
});

describe('the environment', () => {
  it('reads durations, switches and nested keys from words; what is empty, or a flag that is not given, says nothing', async () => {
    const words = {
      AFD_MASTER_HEARTBEAT_TIMEOUT: '2m',
      AFD_WORKER_LEADER: 'false',
      AFD_WORKER_MAX_CONCURRENT_TASKS: '',
    };
    const env = { ...words, AFD_LOAD_BALANCER_WEIGHTS_LOAD_FACTOR: '0.5' };
    const { config } = await load(`${DATABASE}worker: { max_concurrent_tasks: 6 }`, { env, flags: flag(undefined) });
    expect(config.worker).toMatchObject({ leader: false, max_concurrent_tasks: 6 });
    expect([config.master.heartbeat_timeout, config.load_balancer.weights.load_factor]).toEqual([120, 0.5]);
  });

  it('is warned about for an AFD_ variable that is no key, and for what Kubernetes sets for a service named mysql', async () => {
    const others = { AFD_SERVER_FOLDERS: '/opt/mysql/bin', AFD_TASK_ID: '1', AFD_TEST_ANYTHING: '1' };
    const env = { ...others, AFD_MASTER_HEARTBEAT_TIMOUT: '5', MYSQL_PORT: 'tcp://10.0.0.1:3306' };
    const { database, remarks, warnings } = await load(DATABASE, { env });
    expect(remarks).toEqual([
      'MYSQL_PORT is ignored, because Kubernetes set it for a service named "mysql"',
      'unknown environment variable AFD_MASTER_HEARTBEAT_TIMOUT; did you mean AFD_MASTER_HEARTBEAT_TIMEOUT?',
    ]);
    expect(warnings).toEqual(expect.arrayContaining(remarks));
    expect(database.port).toBe(3307);
  });
});

describe('the file', () => {
  it('is that of --config, of AFD_CONFIG, then afd.yaml before afd.yml before afd.json of the working directory', async () => {
    const cwd = folder({ 'two.json': '{}', 'one.yaml': '{}', 'afd.yml': '{}', 'afd.json': '{}' });
    const file = async (options: { file?: string; env?: Record<string, string> } = {}) => {
      const { file: path } = await loadConfig({ cwd, ...options, env: { ...URL_OF_ENV, ...options.env } });
      return path?.slice(cwd.length + 1);
    };
    const env = { AFD_CONFIG: 'two.json' };
    const found = [await file({ env, file: 'one.yaml' }), await file({ env }), await file()];
    expect(found).toEqual(['one.yaml', 'two.json', 'afd.yml']);
    writeFileSync(join(cwd, 'afd.yaml'), '{}');
    expect(await file()).toBe('afd.yaml');
  });

  it('is that of the user when the working directory has none, and its folder is where paths begin', async () => {
    const home = folder();
    mkdirSync(join(home, 'afd'));
    writeFileSync(join(home, 'afd', 'afd.yaml'), DATABASE, { mode: 0o600 });
    const { file, baseDir } = await loadConfig({ cwd: folder(), env: { XDG_CONFIG_HOME: home } });
    expect([file, baseDir]).toEqual([join(home, 'afd', 'afd.yaml'), join(home, 'afd')]);
  });
});
