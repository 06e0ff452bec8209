import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DatabaseAddress } from '../../../../src/core/db/address.ts';
import { DatabaseError } from '../../../../src/core/db/database-error.ts';
import type { ServerState } from '../../../../src/core/domain/writer/member-answer.ts';
import { WriterFinder, writerOf } from '../../../../src/core/writer/writer-finder.ts';

function address(...hosts: string[]): DatabaseAddress {
  const members = hosts.map((host) => ({ host, port: 3306, user: 'u', database: 'afd' }));
  return { ...members[0]!, members };
}

type Servers = Record<string, Partial<ServerState> | undefined | DatabaseError>;

/** These members of a database, as they are changed by a test; `undefined` = it does not answer. `random` gives the least there is. */
function scene(servers: Servers, random = () => 0) {
  let now = 0;
  const questions: string[] = [];
  const deadlines: number[] = [];
  const finder = new WriterFinder(address(...Object.keys(servers)), {
    monotonic: () => now,
    random,
    async ask({ host = '' }, deadlineMs) {
      questions.push(host);
      deadlines.push(deadlineMs);
      return answerOf(host, servers[host]);
    },
  });
  const said: string[] = [];
  finder.listen((message) => said.push(message));
  const found = (doubted = false) =>
    finder.find().then(
      (writer) => {
        if (doubted) finder.doubt(writer, false);
        return writer.address.host;
      },
      (error: Error) => error.message,
    );
  const turn = (changed: Servers) => Object.assign(servers, changed);
  const pass = (ms: number) => {
    now += ms;
  };
  return { finder, questions, deadlines, said, found, turn, pass };
}

function answerOf(server: string, state: Servers[string]): ServerState {
  if (state instanceof DatabaseError) throw state;
  if (state === undefined) throw new DatabaseError('E_DATABASE', `${server} is silent`, { retry: 'connection' });
  return { server, startedMs: 0, readOnly: false, group: [], galera: undefined, ...state };
}

const READ_ONLY = { readOnly: true };

const PAIR = () => ({ a: {}, b: READ_ONLY });

it('asks all members once, whoever asks meanwhile, and never again while nobody complains', async () => {
  const { found, questions } = scene({ a: READ_ONLY, b: {}, c: READ_ONLY });
  expect(await Promise.all([found(), found(), found()])).toEqual(['b', 'b', 'b']);
  expect(await found()).toBe('b');
  expect(questions).toEqual(['a', 'b', 'c']);
});

it('asks again when a session broke, and tells those that are still connected to another server', async () => {
  const { finder, turn, found, questions } = scene(PAIR());
  const writer = await finder.find();
  const [left, ended, late] = [vi.fn(), vi.fn(), vi.fn()];
  finder.follow(writer, left);
  finder.follow(writer, ended)();
  finder.doubt(writer, false);
  expect(await finder.find()).toBe(writer);
  expect(left).not.toHaveBeenCalled();
  turn({ a: undefined, b: {} });
  finder.doubt(writer, true);
  expect(await found()).toBe('b');
  expect([left, ended].map((one) => one.mock.calls.length)).toEqual([1, 0]);
  // The complaint of a session that had an earlier writer is no reason, and one that comes with it late is told.
  const asked = questions.length;
  finder.doubt(writer, false);
  expect([await found(), questions.length]).toEqual(['b', asked]);
  finder.follow(writer, late);
  await Promise.resolve();
  expect(late).toHaveBeenCalledOnce();
});

it('says why there is no writer, and asks no more often than each 50 ms', async () => {
  const { turn, found, questions, pass } = scene({ a: READ_ONLY, b: READ_ONLY });
  const why = 'None of a:3306,b:3306/afd is the writer now: a:3306 is read-only; b:3306 is read-only.';
  expect(await found()).toBe(why);
  pass(49);
  turn({ b: {} });
  expect([await found(), questions.length]).toEqual([why, 2]);
  pass(1);
  expect(await found()).toBe('b');
});

it('asks less often the more devices there are; of a crowd, the writer alone first when a session broke', async () => {
  const none = scene({ a: READ_ONLY, b: READ_ONLY });
  none.finder.devices = 1000;
  await none.found();
  none.pass(50);
  await none.found();
  expect(none.questions).toHaveLength(4);
  const { finder, found, questions } = scene(PAIR());
  await found(true);
  finder.devices = 100;
  await found();
  expect(questions).toEqual(['a', 'b', 'a', 'a', 'b']);
});

it('gives who is far away more time, keeps to it, and gives none where nobody was silent', async () => {
  const { found, deadlines, turn, pass } = scene({ a: READ_ONLY, b: READ_ONLY });
  const rounds = async (count: number) => {
    deadlines.length = 0;
    for (let n = 0; n < count; n += 1) {
      await found();
      pass(10_000);
    }
    return deadlines.filter((_, n) => n % 2 === 0);
  };
  expect(await rounds(3)).toEqual([300, 300, 300]);
  turn({ a: undefined, b: undefined });
  expect(await rounds(5)).toEqual([300, 600, 1200, 2400, 2400]);
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
  const { found, said, turn, pass } = scene({ a, b });
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
  turn({ a: READ_ONLY, b: {} });
  pass(51);
  expect(await found()).toBe('b');
});

it('believes a primary that only it can reach after 5 s', async () => {
  const { found, pass } = scene({ a: { group: group('a', 'a', 'b', 'c') }, b: undefined, c: undefined });
  await found();
  pass(4999);
  expect(await found()).toContain('only a:3306 of 3 members confirm a:3306');
  pass(51);
  expect(await found()).toBe('a');
});

it('says once that the account may not ask for the group', async () => {
  const { found, said } = scene({ a: { group: 'hidden' }, b: { group: 'hidden', readOnly: true } });
  await found(true);
  await found();
  expect(said).toEqual([expect.stringContaining('GRANT SELECT ON performance_schema.replication_group_members')]);
});

it('throws what no repetition cures when no member can be asked, and not while the known ones are silent for a moment', async () => {
  const denied = new DatabaseError('E_FORBIDDEN', 'wrong password', { retry: 'final' });
  const { found, turn, pass } = scene({ a: denied, b: undefined, c: denied });
  expect(await found()).toBe('wrong password');
  pass(1000);
  turn({ a: {}, b: READ_ONLY });
  expect(await found(true)).toBe('a');
  turn({ a: undefined, b: undefined });
  expect(await found()).toMatch(/^None of /);
});

it('is one for each address, and none for a single server', () => {
  const several = address('a', 'b');
  expect(writerOf(several)).toBe(writerOf(several));
  expect(writerOf({ host: 'a', user: 'u', database: 'afd' })).toBeUndefined();
  expect(writerOf(undefined)).toBeUndefined();
});

it('finds the writer among the members that the fleet names, when none of those that are configured is it any more', async () => {
  const { finder, turn, found } = scene(PAIR());
  expect(await found()).toBe('a');
  expect(finder.learn(['c'])).toEqual(['c:3306']);
  turn({ a: undefined, b: undefined, c: {} });
  await found(true);
  expect(await found()).toBe('c');
});

it('asks those that have answered again while a member that is gone takes all of its time', async () => {
  let asked = 0;
  let given = () => {};
  const gone = new Promise<void>((resolve) => (given = resolve));
  const finder = new WriterFinder(address('a', 'b', 'c'), {
    random: () => 0,
    async ask({ host = '' }) {
      if (host === 'a') return gone.then(() => answerOf('a', undefined));
      asked += 1;
      // Promoted after each of them was asked once.
      return answerOf(host, asked >= 3 && host === 'b' ? {} : READ_ONLY);
    },
  });
  const round = finder.find();
  await vi.waitFor(() => expect(asked).toBeGreaterThan(4));
  // A pair is not decided while one of its members may still answer.
  given();
  expect((await round).address.host).toBe('b');
});

it.each([
  ['is well', {}, 0],
  ['has made itself read-only in a switchover', READ_ONLY, 1],
  ['leaves its cluster', { galera: { ready: false, primary: true, sessions: 0 } }, 1],
])('spreads a crowd when one session broke and the former writer %s: %#', async (_, state, spread) => {
  const random = vi.fn(() => 0);
  const { finder, turn, found } = scene(PAIR(), random);
  await found(true);
  finder.devices = 100;
  turn({ a: state });
  random.mockClear();
  const round = found();
  for (let n = 0; n < 3; n += 1) await Promise.resolve();
  const asked = random.mock.calls.length;
  await round;
  expect(asked).toBe(spread);
});

describe('later', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const galera = (sessions: number) => ({ galera: { ready: true, primary: true, sessions } });

  it('looks for the writer until there is one, while a session that only reads has the former one, and no longer', async () => {
    const { finder, turn, pass, questions } = scene(PAIR());
    const left = vi.fn();
    const end = finder.follow(await finder.find(), left);
    turn({ a: READ_ONLY });
    finder.recheck();
    await vi.advanceTimersByTimeAsync(1000);
    expect(left).not.toHaveBeenCalled();
    turn({ b: {} });
    pass(10_000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(left).toHaveBeenCalledOnce();
    turn({ b: READ_ONLY });
    finder.recheck();
    end();
    await vi.advanceTimersByTimeAsync(0);
    const asked = questions.length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(questions).toHaveLength(asked);
  });

  it('goes where most sessions are, some times after it has changed its node of Galera', async () => {
    const { finder, turn, found, questions } = scene({ a: galera(0), b: galera(0), c: galera(0) });
    const left = vi.fn();
    finder.follow(await finder.find(), left);
    turn({ a: galera(4), b: galera(9) });
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
  });
});
