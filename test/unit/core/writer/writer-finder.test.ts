import { expect, it, vi } from 'vitest';
import type { DatabaseAddress } from '../../../../src/core/db/address.ts';
import { DatabaseError } from '../../../../src/core/db/database-error.ts';
import type { ServerState } from '../../../../src/core/domain/writer/member-answer.ts';
import { WriterFinder, writerOf } from '../../../../src/core/writer/writer-finder.ts';

function address(...hosts: string[]): DatabaseAddress {
  const members = hosts.map((host) => ({ host, port: 3306, user: 'u', database: 'afd' }));
  return { ...members[0]!, members };
}

/** Servers of a pair, as they are changed by a test; `undefined` = it does not answer. */
function scene(hosts: string[], servers: Record<string, Partial<ServerState> | undefined | DatabaseError>) {
  let now = 0;
  const questions: string[] = [];
  const deadlines: number[] = [];
  const finder = new WriterFinder(address(...hosts), {
    monotonic: () => now,
    random: () => 0,
    async ask({ host = '' }, deadlineMs) {
      questions.push(host);
      deadlines.push(deadlineMs);
      const server = servers[host];
      if (server instanceof DatabaseError) throw server;
      if (server === undefined) throw new DatabaseError('E_DATABASE', `${host} is silent`, { retry: 'connection' });
      return { server: host, startedMs: 0, readOnly: false, group: [], galera: undefined, ...server };
    },
  });
  const said: string[] = [];
  finder.listen((message) => said.push(message));
  const found = () =>
    finder.find().then(
      (writer) => writer.address.host,
      (error: Error) => error.message,
    );
  return {
    ...{ finder, servers, questions, deadlines, said, found },
    pass(ms: number) {
      now += ms;
    },
  };
}

const READ_ONLY = { readOnly: true };

it('asks all members once, whoever asks meanwhile, and never again while nobody complains', async () => {
  const { found, questions } = scene(['a', 'b', 'c'], { a: READ_ONLY, b: {}, c: READ_ONLY });
  expect(await Promise.all([found(), found(), found()])).toEqual(['b', 'b', 'b']);
  expect(await found()).toBe('b');
  expect(questions).toEqual(['a', 'b', 'c']);
});

it('asks again when a session broke, and tells those that are still connected to another server', async () => {
  const { finder, servers, found } = scene(['a', 'b'], { a: {}, b: READ_ONLY });
  const writer = await finder.find();
  const left = vi.fn();
  const ended = vi.fn();
  finder.follow(writer, left);
  finder.follow(writer, ended)();
  finder.doubt(writer, false);
  expect(await finder.find()).toBe(writer);
  expect(left).not.toHaveBeenCalled();
  Object.assign(servers, { a: undefined, b: {} });
  finder.doubt(writer, true);
  expect(await found()).toBe('b');
  expect(left).toHaveBeenCalledOnce();
  expect(ended).not.toHaveBeenCalled();
});

it('does not ask for the complaint of a session that had an earlier writer, and tells one that comes with it late', async () => {
  const { finder, servers, found, questions } = scene(['a', 'b'], { a: {}, b: READ_ONLY });
  const former = await finder.find();
  Object.assign(servers, { a: READ_ONLY, b: {} });
  for (const _ of [1, 2]) {
    finder.doubt(former, false);
    expect(await found()).toBe('b');
  }
  expect(questions).toHaveLength(4);
  const leave = vi.fn();
  finder.follow(former, leave);
  await Promise.resolve();
  expect(leave).toHaveBeenCalledOnce();
});

it('says why there is no writer, and asks no more often than each 50 ms', async () => {
  const { servers, found, questions, pass } = scene(['a', 'b'], { a: READ_ONLY, b: READ_ONLY });
  const why = 'None of a:3306,b:3306/afd is the writer now: a:3306 is read-only; b:3306 is read-only.';
  expect(await found()).toBe(why);
  pass(49);
  servers.b = {};
  expect(await found()).toBe(why);
  expect(questions).toHaveLength(2);
  pass(1);
  expect(await found()).toBe('b');
});

it('asks less often the more devices there are; of a crowd, the writer alone first when a session broke', async () => {
  const none = scene(['a', 'b'], { a: READ_ONLY, b: READ_ONLY });
  none.finder.devices = 1000;
  await none.found();
  none.pass(50);
  await none.found();
  // `random` gives the least there is: 0.
  expect(none.questions).toHaveLength(4);
  const { finder, found, questions } = scene(['a', 'b'], { a: {}, b: READ_ONLY });
  const writer = await finder.find();
  finder.devices = 100;
  finder.doubt(writer, false);
  await found();
  expect(questions).toEqual(['a', 'b', 'a', 'a', 'b']);
});

it('gives who is far away more time, keeps to it, and gives none where nobody was silent', async () => {
  const { found, deadlines, servers, pass } = scene(['a', 'b'], { a: READ_ONLY, b: READ_ONLY });
  const rounds = async (count: number) => {
    deadlines.length = 0;
    for (let n = 0; n < count; n += 1) {
      await found();
      pass(10_000);
    }
    return deadlines.filter((_, n) => n % 2 === 0);
  };
  expect(await rounds(3)).toEqual([300, 300, 300]);
  Object.assign(servers, { a: undefined, b: undefined });
  expect(await rounds(5)).toEqual([300, 600, 1200, 2400, 2400]);
  Object.assign(servers, { a: {}, b: READ_ONLY });
  expect(await found()).toBe('a');
});

const group = (primary: string, ...ids: string[]) =>
  ids.map((id) => ({ id, state: 'ONLINE', role: id === primary ? 'PRIMARY' : 'SECONDARY' }));

it.each([
  ['two servers that both accept writes, at once', 0, {}, {}, 'a:3306 and b:3306 both accept writes'],
  [
    'two claims that are normal for 3 s, after 5 s',
    5000,
    { group: group('a', 'a', 'b') },
    { group: group('b', 'a', 'b') },
    'a:3306 and b:3306 name different primaries',
  ],
])('raises the alarm once for %s', async (_, afterMs, a, b, why) => {
  const { found, said, servers, pass } = scene(['a', 'b'], { a, b });
  await found();
  if (afterMs > 0) {
    pass(afterMs - 1);
    await found();
    expect(said).toEqual([]);
  }
  for (let n = 0; n < 3; n += 1) {
    pass(51);
    await found();
  }
  expect(said).toEqual([`afd writes to none of a:3306,b:3306/afd until this is mended: ${why}`]);
  Object.assign(servers, { a: READ_ONLY, b: {} });
  pass(51);
  expect(await found()).toBe('b');
});

it('believes a primary that only it can reach after 5 s', async () => {
  const { found, pass } = scene(['a', 'b', 'c'], { a: { group: group('a', 'a', 'b', 'c') } });
  expect(await found()).toContain('only a:3306 of 3 members confirm a:3306');
  pass(4999);
  expect(await found()).toContain('only a:3306 of 3 members confirm a:3306');
  pass(51);
  expect(await found()).toBe('a');
});

it('says once that the account may not ask for the group', async () => {
  const { finder, found, said } = scene(['a', 'b'], { a: { group: 'hidden' }, b: { group: 'hidden', readOnly: true } });
  const writer = await finder.find();
  finder.doubt(writer, false);
  await found();
  expect(said).toHaveLength(1);
  expect(said[0]).toContain('GRANT SELECT ON performance_schema.replication_group_members');
});

it('throws what no repetition cures when no member can be asked', async () => {
  const denied = new DatabaseError('E_FORBIDDEN', 'wrong password', { retry: 'final' });
  const { found, servers, pass } = scene(['a', 'b'], { a: denied });
  expect(await found()).toBe('wrong password');
  pass(1000);
  servers.b = READ_ONLY;
  expect(await found()).toContain('is the writer now');
});

it('is one for each address, and none for a single server', () => {
  const several = address('a', 'b');
  expect(writerOf(several)).toBe(writerOf(several));
  expect(writerOf({ host: 'a', user: 'u', database: 'afd' })).toBeUndefined();
  expect(writerOf(undefined)).toBeUndefined();
});

it('finds the writer among the members that the fleet names, when none of those that are configured is it any more', async () => {
  const { finder, servers, found } = scene(['a', 'b'], { a: {}, b: READ_ONLY });
  expect(await found()).toBe('a');
  expect(finder.learn(['c'])).toEqual(['c:3306']);
  expect(await found()).toBe('a');
  Object.assign(servers, { a: undefined, b: undefined, c: {} });
  finder.doubt(await finder.find(), false);
  expect(await found()).toBe('c');
});

it('does not end for a member that refuses the login while the known ones are silent for a moment', async () => {
  const refused = new DatabaseError('E_FORBIDDEN', 'no such account', { retry: 'final' });
  const { finder, servers, found, pass } = scene(['a', 'b', 'c'], { a: {}, b: READ_ONLY, c: READ_ONLY });
  expect(await found()).toBe('a');
  Object.assign(servers, { a: undefined, b: undefined, c: refused });
  finder.doubt(await finder.find(), false);
  expect(await found()).toMatch(/^None of /);
  Object.assign(servers, { a: {}, b: READ_ONLY, c: READ_ONLY });
  pass(10_000);
  expect(await found()).toBe('a');
});

it('asks those that have answered again while a member that is gone takes all of its time', async () => {
  const servers: Record<string, Partial<ServerState>> = { b: READ_ONLY, c: READ_ONLY };
  let asked = 0;
  let given = () => {};
  const finder = new WriterFinder(address('a', 'b', 'c'), {
    random: () => 0,
    async ask({ host = '' }, _, over) {
      if (host === 'a') {
        await new Promise<void>((resolve) => {
          given = resolve;
          over?.addEventListener('abort', () => resolve());
        });
        throw new DatabaseError('E_DATABASE', 'a is silent', { retry: 'connection' });
      }
      asked += 1;
      // Promoted after each of them was asked once.
      if (asked === 3) servers[host] = {};
      return { server: host, startedMs: 0, readOnly: false, group: [], galera: undefined, ...servers[host] };
    },
  });
  const round = finder.find();
  await vi.waitFor(() => expect(asked).toBeGreaterThan(4));
  // A pair is not decided while one of its members may still answer.
  given();
  expect((await round).address.host).toMatch(/[bc]/);
});

it('looks for the writer until there is one, while a session that only reads has the former one', async () => {
  const { finder, servers, pass } = scene(['a', 'b'], { a: {}, b: READ_ONLY });
  const left = vi.fn();
  const end = finder.follow(await finder.find(), left);
  servers.a = READ_ONLY;
  finder.recheck();
  const clock = setInterval(() => pass(10), 1);
  await vi.waitFor(() => expect(servers.b).toBe(READ_ONLY));
  expect(left).not.toHaveBeenCalled();
  servers.b = {};
  await vi.waitFor(() => expect(left).toHaveBeenCalledOnce());
  clearInterval(clock);
  end();
});

it('asks no more when the last session has ended', async ({ onTestFinished }) => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { finder, servers, questions } = scene(['a', 'b'], { a: {}, b: READ_ONLY });
  const end = finder.follow(await finder.find(), () => {});
  servers.a = READ_ONLY;
  finder.recheck();
  end();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(questions).toEqual(['a', 'b', 'a', 'b']);
});

it.each([
  ['is well', {}, 0],
  ['has made itself read-only in a switchover', READ_ONLY, 1],
  ['leaves its cluster', { galera: { ready: false, primary: true, sessions: 0 } }, 1],
])('spreads a crowd when one session broke and the former writer %s: %#', async (_, state, spread) => {
  const random = vi.fn(() => 0);
  let server: Partial<ServerState> = {};
  const finder = new WriterFinder(address('a', 'b'), {
    random,
    async ask({ host = '' }) {
      const own = host === 'a' ? server : READ_ONLY;
      return { server: host, startedMs: 0, readOnly: false, group: [], galera: undefined, ...own };
    },
  });
  const writer = await finder.find();
  finder.devices = 100;
  server = state;
  finder.doubt(writer, false);
  random.mockClear();
  const round = finder.find().catch(() => undefined);
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  const asked = random.mock.calls.length;
  await round;
  expect(asked).toBe(spread);
});

it('goes where most sessions are, some times after it has changed its node of Galera', async () => {
  vi.useFakeTimers();
  try {
    const galera = (sessions: number) => ({ galera: { ready: true, primary: true, sessions } });
    const { finder, servers, found, questions } = scene(['a', 'b', 'c'], { a: galera(0), b: galera(0), c: galera(0) });
    const left = vi.fn();
    finder.follow(await finder.find(), left);
    Object.assign(servers, { a: galera(4), b: galera(9) });
    await vi.advanceTimersByTimeAsync(1900);
    expect(left).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    expect(left).toHaveBeenCalledOnce();
    expect(await found()).toBe('b');
    // Again from there, and then no more.
    finder.follow(await finder.find(), () => {});
    questions.length = 0;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(questions).toHaveLength(3 * 3);
  } finally {
    vi.useRealTimers();
  }
});
