import { describe, expect, it } from 'vitest';
import { RANGES } from '../../../../src/core/config/config-keys.ts';
import { configSchema } from '../../../../src/core/config/config-schema.ts';
import { setValue } from '../../../../src/core/config/dotted.ts';
import { DATABASE, refusal } from './config-folder.ts';

const ODD = [
  ...[1e300, -1, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY],
  ...['1e300', 'NaN', 'Infinity', '-1', '0x', '9'.repeat(400), ' '],
  ...[[], {}, true],
];

describe('finding S8: a number out of its range', () => {
  it.each([...RANGES])('%s: %s', (key, range) => {
    for (const value of ODD) {
      const values = {};
      setValue(values, key, key === 'master.lost_backoff' && !Array.isArray(value) ? [value] : value);
      const parsed = configSchema.safeParse(values);
      if (key === 'master.lost_backoff' && Array.isArray(value)) continue;
      expect(parsed.success, `${key} = ${JSON.stringify(value)} (${range})`).toBe(false);
    }
  });

  it('is an error with file, line and the range', async () => {
    const error = await refusal(
      `${DATABASE}master:\n  task_timeout: 1e300\n  heartbeat_timeout: 0\n  lost_backoff: [1, 1e9]\nworker: { heartbeat_interval: 2d }\nhandlers:\n  t: { exec: [a], timeout: 25d }`,
    );
    expect([error.code, error.message.split('\n').slice(1)]).toEqual([
      'E_CONFIG',
      [
        '  afd.yaml:3: master.task_timeout must be a duration from 1ms to 24d (it is 1e+300)',
        '  afd.yaml:4: master.heartbeat_timeout must be a duration from 1s to 1d (it is 0)',
        '  afd.yaml:5: master.lost_backoff.1 must be a duration from 0s to 24d (it is 1000000000)',
        '  afd.yaml:6: worker.heartbeat_interval must be a duration from 0s to 1h (it is "2d")',
        '  afd.yaml:8: handlers.t.timeout must be a duration from 0s to 24d (it is "25d")',
      ],
    ]);
  });
});

describe('a mistake in the configuration', () => {
  it('is named with its key, its line and what was meant', async () => {
    const error = await refusal(`${DATABASE}worker:\n  heartbeat_intervall: 10\n`);
    expect([error.code, error.exitCode]).toEqual(['E_CONFIG', 78]);
    expect(error.message).toBe(
      'The configuration is not valid: afd.yaml:3: worker.heartbeat_intervall is not a known key; did you mean worker.heartbeat_interval?',
    );
  });

  it('is listed with all others at once', async () => {
    const error = await refusal(
      [
        DATABASE.trim(),
        'wroker: { }',
        'master: { heartbeat_timeout: soon, max_retry_count: -1, max_retry_cout: 3 }',
        'load_balancer: { strategy: least_task }',
        'worker: { max_concurrent_tasks: true, device_id: "no spaces" }',
      ].join('\n'),
      { env: { AFD_SERVER_PORT: 'http' }, flags: [{ flag: '--slots', key: 'worker.tick_interval', value: 'x' }] },
    );
    expect(error.message.split('\n').slice(1)).toEqual([
      '  AFD_SERVER_PORT: server.port is not a number (it is "http")',
      '  --slots: worker.tick_interval is not a duration (30, "30s", "250ms", "5m") (it is "x")',
      '  afd.yaml:2: wroker is not a known key; did you mean worker?',
      '  afd.yaml:3: master.heartbeat_timeout is not a duration (30, "30s", "250ms", "5m") (it is "soon")',
      '  afd.yaml:3: master.max_retry_count must be a whole number from 0 to 10000 (it is -1)',
      '  afd.yaml:3: master.max_retry_cout is not a known key; did you mean master.max_retry_count?',
      '  afd.yaml:4: load_balancer.strategy must be one of least_tasks, round_robin, weighted (it is "least_task"); did you mean least_tasks?',
      '  afd.yaml:5: worker.device_id must be 1 to 64 letters, digits, ".", "_" or "-", and start with a letter or digit (it is "no spaces")',
      '  afd.yaml:5: worker.max_concurrent_tasks is not a number (it is true)',
    ]);
    expect(error.data.problems).toHaveLength(9);
    expect(error.data.problems).toContainEqual({
      key: 'wroker',
      message: 'is not a known key; did you mean worker?',
      origin: 'file',
      line: 2,
    });
  });

  it('is found inside a handler', async () => {
    const error = await refusal(
      `${DATABASE}handlers:\n  sync:\n    modul: ./a.js\n    exec: [a]\n    timeout: 5 weeks`,
    );
    expect(error.message).toContain(
      'afd.yaml:4: handlers.sync.modul is not a known key; did you mean handlers.sync.module?',
    );
    expect(error.message).toContain('afd.yaml:6: handlers.sync.timeout is not a duration');
  });

  it.each([
    ['shared', '"isolation: thread"'],
    ['own', '"isolation: process"'],
    ['main', '"isolation: none"'],
    ['borrowed', '"isolation: none", "thread" or "process"'],
  ])('is told what to write where a handler says thread: %s', async (value, now) => {
    const error = await refusal(`${DATABASE}handlers:\n  sync:\n    module: ./a.js\n    thread: ${value}`);
    expect(error.message).toBe(
      `The configuration is not valid: afd.yaml:5: handlers.sync.thread is now "isolation"; write ${now}`,
    );
  });

  it.each([
    ['isolation: fork', 'handlers.sync.isolation must be one of none, thread, process (it is "fork")'],
    ['recycle: { tasks: 5 }', '"recycle" applies to modules with "isolation: process" only'],
    ['isolation: process, recycle: { memory: 1KB }', 'handlers.sync.recycle.memory must be a size from 1MB to 1TB'],
    [
      'isolation: process, recycle: { memory: much }',
      'handlers.sync.recycle.memory is not a size (1048576, "512MB", "2GB")',
    ],
    ['isolation: process, recycle: { tasks: 0 }', 'handlers.sync.recycle.tasks must be a whole number from 1'],
  ])('is found in where a module runs: %s', async (settings, said) => {
    const error = await refusal(`${DATABASE}handlers: { sync: { module: ./a.js, ${settings} } }`);
    expect(error.message).toContain(said);
  });

  it.each([
    ['a key in the wrong section', 'max_concurrent_tasks: 5', 'did you mean worker.max_concurrent_tasks?'],
    ['an empty value, which is not 0', 'server: { port: "" }', 'server.port is not a number'],
    ['a section that holds a word', 'worker: five', 'afd.yaml:2: worker must be a section with keys'],
    [
      'a key that is set twice',
      'worker: { region: a }\nDISTRIBUTION: { worker: { region: b } }',
      'worker.region is set twice: under DISTRIBUTION and as a separate key',
    ],
  ])('is understood: %s', async (_, yaml, said) => {
    const error = await refusal(`${DATABASE}${yaml}`, { env: { AFD_WORKER_REGION: 'x' } });
    expect(error.message).toContain(said);
  });

  it('is pointed at by line when the file is no YAML', async () => {
    const error = await refusal('worker:\n  a: [1\nmaster: 2\n');
    expect([error.code, error.data.line]).toEqual(['E_CONFIG', expect.any(Number)]);
    expect(error.message).toMatch(/afd\.yaml:\d+ is not valid YAML or JSON/);
  });

  it('is a key that is given twice', async () => {
    // Finding B11: the place stands in front, and the sentence ends.
    expect((await refusal('mode: master\nmode: worker\n')).message).toMatch(
      /afd\.yaml:2 is not valid YAML or JSON: a key occurs twice in one section: keys are unique\.$/,
    );
  });

  it('is a file that was named and is not there', async () => {
    const error = await refusal(undefined, { env: { AFD_CONFIG: '/nowhere/afd.yaml' } });
    expect([error.code, error.message]).toEqual([
      'E_CONFIG',
      'AFD_CONFIG names /nowhere/afd.yaml, but this file does not exist.',
    ]);
  });
});
