import { describe, expect, it } from 'vitest';
import { RANGES } from '../../../../src/core/config/config-keys.ts';
import { configSchema, handlerSchema } from '../../../../src/core/config/config-schema.ts';
import { setValue } from '../../../../src/core/config/dotted.ts';
import { DATABASE, refusal } from './config-folder.ts';

const ODD = [1e300, -1, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, '1e300', 'NaN', '-1', '0x', ' ', {}, true];

describe('finding S8: a number out of its range', () => {
  it.each([...RANGES])('%s: %s', (key) => {
    for (const value of ODD) {
      const values = {};
      setValue(values, key, key === 'master.lost_backoff' ? [value] : value);
      expect(configSchema.safeParse(values).success, JSON.stringify(value)).toBe(false);
    }
  });
});

describe('a mistake in the configuration', () => {
  it('is listed with all others at once, with its key, its line and what was meant', async () => {
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
    expect([error.code, error.exitCode]).toEqual(['E_CONFIG', 78]);
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
    const wroker = { key: 'wroker', message: 'is not a known key; did you mean worker?', origin: 'file', line: 2 };
    expect(error.data.problems).toContainEqual(wroker);
  });

  const of = (settings: string) => `handlers: { sync: { module: ./a.js, ${settings} } }`;
  it.each([
    ['max_concurrent_tasks: 5', 'did you mean worker.max_concurrent_tasks?'],
    ['server: { port: "" }', 'server.port is not a number'],
    ['worker: five', 'afd.yaml:2: worker must be a section with keys'],
    [
      'worker: { region: a }\nDISTRIBUTION: { worker: { region: b } }',
      'worker.region is set twice: under DISTRIBUTION',
    ],
    ['handlers:\n  a:\n    modul: ./a.js', 'afd.yaml:4: handlers.a.modul is not a known key; did you mean handlers'],
    [of('thread: own'), 'afd.yaml:2: handlers.sync.thread is now "isolation"; write "isolation: process"'],
    ['master: { lost_backoff: [1, 1e9] }', 'lost_backoff.1 must be a duration from 0s to 24d (it is 1000000000)'],
    [of('timeout: 25d'), 'handlers.sync.timeout must be a duration from 0s to 24d (it is "25d")'],
    [of('thread: any'), 'is now "isolation"; write "isolation: none", "thread" or "process"'],
    [of('isolation: fork'), 'handlers.sync.isolation must be one of none, thread, process (it is "fork")'],
    [of('recycle: { tasks: 5 }'), '"recycle" applies to modules with "isolation: process" only'],
    [of('isolation: process, recycle: { tasks: 0 }'), 'sync.recycle.tasks must be a whole number from 1'],
  ])('is understood: %s', async (yaml, said) => {
    expect((await refusal(`${DATABASE}${yaml}`)).message).toContain(said);
  });

  it('is pointed at by line when the file is no YAML; the place stands in front, and the sentence ends', async () => {
    const { code, data, message } = await refusal('mode: master\nmode: worker\n');
    expect([code, data.line]).toEqual(['E_CONFIG', 2]);
    expect(message).toMatch(
      /afd\.yaml:2 is not valid YAML or JSON: a key occurs twice in one section: keys are unique\.$/,
    );
    expect((await refusal('worker:\n  a: [1\nmaster: 2\n')).message).toMatch(/afd\.yaml:\d+ is not valid YAML or JSON/);
  });

  it('is a file that was named and is not there', async () => {
    const { message } = await refusal(undefined, { env: { AFD_CONFIG: '/nowhere/afd.yaml' } });
    expect(message).toBe('AFD_CONFIG names /nowhere/afd.yaml, but this file does not exist.');
  });
});

describe('a command', () => {
  const read = (more: object) => handlerSchema.safeParse({ exec: ['a'], ...more });

  it('has no limit, keeps nothing, and leaves the umask; sizes are bytes', () => {
    expect(read({}).data).toMatchObject({ limits: {}, keep_folder: 'never', files: { keep: [] } });
    expect(read({}).data).not.toHaveProperty('umask');
    const limits = { memory: '2GB', nice: 10, open_files: 1024, output: '100MB' };
    expect(read({ limits }).data?.limits).toEqual({ ...limits, memory: 2 ** 31, output: 100 * 2 ** 20 });
  });

  it.each([
    [{ limits: { memory: '2 gigs' } }, 'limits.memory is not a size (1048576, "512MB", "2GB")'],
    [{ limits: { memory: 2 } }, 'limits.memory must be a size from 1MB to 1TB'],
    [{ limits: { nice: 20 } }, 'limits.nice must be a whole number from -20 to 19'],
    [{ keep_folder: 'always' }, 'keep_folder must be one of never, on-failure'],
    // YAML reads 077 as a number.
    [{ umask: 77 }, 'umask must be octal digits in quotes, such as "077"'],
  ])('is refused with %j: %s', (more, message) => {
    const said = read(more).error?.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    expect(said).toEqual([message]);
  });

  it('keeps files of its working folder alone', () => {
    const keeps = (name: string) => read({ files: { keep: [name] } }).success;
    expect(['a', '*.png', 'out/*.csv', '..a', 'a..b'].filter((name) => !keeps(name))).toEqual([]);
    expect(['../a', 'a/../../b', '/etc/passwd', 'a//b', './a', '', 'a/', 'a\0b'].filter(keeps)).toEqual([]);
  });
});
