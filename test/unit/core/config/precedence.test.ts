import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../src/core/config/load-config.ts';
import { DATABASE, folder, load, refusal } from './config-folder.ts';

const KEY = 'worker.max_concurrent_tasks';
const flag = (value: unknown) => [{ flag: '--slots', key: KEY, value }];
const env = { AFD_WORKER_MAX_CONCURRENT_TASKS: '7' };
const file = `${DATABASE}worker: { max_concurrent_tasks: 6 }\n`;

describe('finding C: capabilities.max_concurrent of the design document', () => {
  const capable = (rest = '') => `${DATABASE}worker: { capabilities: { max_concurrent: 8 }${rest} }\n`;

  it('is the number of slots where nobody gives max_concurrent_tasks', async () => {
    const { config, origins, warnings } = await load(capable());
    expect([config.worker.max_concurrent_tasks, origins[KEY]]).toEqual([8, 'file']);
    expect(warnings.filter((one) => one.includes('max_concurrent'))).toEqual([]);
  });

  it.each<[string, string, Parameters<typeof load>[1], number]>([
    ['the file', ', max_concurrent_tasks: 3', {}, 3],
    ['the environment', '', { env }, 7],
    ['a flag', '', { flags: flag(5) }, 5],
  ])('yields to max_concurrent_tasks of %s, with a warning that names both', async (_, rest, options, slots) => {
    const { config, warnings } = await load(capable(rest), options);
    expect(config.worker.max_concurrent_tasks).toBe(slots);
    const sentence = `worker.capabilities.max_concurrent is 8, but worker.max_concurrent_tasks is ${slots}`;
    expect(warnings).toContainEqual(expect.stringContaining(sentence));
  });

  it.each(['0', '-1', '1.5', 'many'])('is refused when it is %s', async (value) => {
    const error = await refusal(`${DATABASE}worker: { capabilities: { max_concurrent: ${value} } }\n`);
    expect(error.message).toContain('worker.capabilities.max_concurrent');
  });
});

it('a flag that was not given and a variable that is empty say nothing', async () => {
  const { config } = await load(file, { env: { AFD_WORKER_MAX_CONCURRENT_TASKS: '' }, flags: flag(undefined) });
  expect(config.worker.max_concurrent_tasks).toBe(6);
});

describe('the environment', () => {
  it('reads durations, switches and nested keys from words', async () => {
    const { config } = await load(DATABASE, {
      env: {
        AFD_MASTER_HEARTBEAT_TIMEOUT: '2m',
        AFD_WORKER_LEADER: 'false',
        AFD_MASTER_RETRY_BACKOFF_INITIAL: '250ms',
        AFD_LOAD_BALANCER_WEIGHTS_LOAD_FACTOR: '0.5',
      },
    });
    expect(config).toMatchObject({
      master: { heartbeat_timeout: 120, retry_backoff: { initial: 0.25 } },
      worker: { leader: false },
      load_balancer: { weights: { load_factor: 0.5 } },
    });
  });

  it('warns about an AFD_ variable that is no key, and says what was meant', async () => {
    const { remarks, warnings } = await load(DATABASE, { env: { AFD_MASTER_HEARTBEAT_TIMOUT: '5' } });
    expect(remarks).toEqual([
      'unknown environment variable AFD_MASTER_HEARTBEAT_TIMOUT; did you mean AFD_MASTER_HEARTBEAT_TIMEOUT?',
    ]);
    expect(warnings).toContain(remarks[0]);
  });

  it('is silent about what handlers are given, where server programs are, and what tests use', async () => {
    const env = {
      AFD_SERVER_FOLDERS: '/opt/mysql/bin',
      AFD_TASK_ID: '1',
      AFD_DEVICE_ID: 'w',
      AFD_RESULT_FILE: '/r',
      AFD_TEST_ANYTHING: '1',
      AFD_CLAIM_TOKEN: 'x',
    };
    expect((await load(DATABASE, { env })).remarks).toEqual([]);
  });

  it('ignores the MYSQL_PORT that Kubernetes sets for a service named mysql', async () => {
    const { database, remarks } = await load(DATABASE, { env: { MYSQL_PORT: 'tcp://10.0.0.1:3306' } });
    expect(database.port).toBe(3307);
    expect(remarks[0]).toContain('Kubernetes');
  });
});

describe('the file', () => {
  it('is afd.yaml before afd.yml before afd.json of the working directory', async () => {
    const cwd = folder({ 'afd.yml': 'mode: worker', 'afd.json': '{"mode": "master"}' });
    const all = { cwd, env: { AFD_DATABASE_URL: 'mysql://a@127.0.0.1/s' } };
    expect((await loadConfig(all)).file).toBe(join(cwd, 'afd.yml'));
    writeFileSync(join(cwd, 'afd.yaml'), 'mode: master');
    expect((await loadConfig(all)).file).toBe(join(cwd, 'afd.yaml'));
  });

  it('is the one of --config before that of AFD_CONFIG before all others', async () => {
    const cwd = folder({ 'afd.yaml': '', 'one.yaml': 'mode: master', 'two.json': '{"mode": "worker"}' });
    const env = { AFD_CONFIG: 'two.json', AFD_DATABASE_URL: 'mysql://a@127.0.0.1/s' };
    expect((await loadConfig({ cwd, env })).config.mode).toBe('worker');
    expect((await loadConfig({ cwd, env, file: 'one.yaml' })).config.mode).toBe('master');
  });

  it('is that of the user when the working directory has none, and its folder is where paths begin', async () => {
    const home = folder();
    mkdirSync(join(home, 'afd'));
    writeFileSync(join(home, 'afd', 'afd.yaml'), DATABASE, { mode: 0o600 });
    const { file, baseDir } = await loadConfig({ cwd: folder(), env: { XDG_CONFIG_HOME: home } });
    expect([file, baseDir]).toEqual([join(home, 'afd', 'afd.yaml'), join(home, 'afd')]);
  });
});
