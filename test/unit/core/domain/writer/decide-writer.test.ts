import { describe, expect, it } from 'vitest';
import { type Before, decideWriter } from '../../../../../src/core/domain/writer/decide-writer.ts';
import type { GroupRow, MemberAnswer, ServerState } from '../../../../../src/core/domain/writer/member-answer.ts';
import { promisedBy } from '../../../../../src/core/domain/writer/promised.ts';

const NEVER: Before = { writer: undefined, claimedMs: 0 };
const STATES: Record<string, string> = { U: 'UNREACHABLE', R: 'RECOVERING', O: 'OFFLINE' };

function answered(member: string, state: Partial<ServerState>): MemberAnswer {
  const whole = { server: member, startedMs: 0, readOnly: false, group: [], galera: undefined, ...state };
  return { member, kind: 'answered', state: whole };
}

/** `a:P` = a is ONLINE and PRIMARY; `b:S` a SECONDARY, `c:U` one that is UNREACHABLE, `a:PU` a primary that is. */
function row(text: string): GroupRow {
  const [id = '', letters = ''] = text.split(':');
  const state = STATES[letters.at(-1)!] ?? 'ONLINE';
  return { id, state, role: letters.startsWith('P') ? 'PRIMARY' : state === 'OFFLINE' ? '' : 'SECONDARY' };
}

/** `a+ a:P b:S | b a:P b:S | c? | d-` = a accepts writes, b is read-only, both have this list; c was asked, d is silent. */
function members(text: string): MemberAnswer[] {
  return text.split(' | ').map((one) => {
    const [head = '', ...rows] = one.split(' ');
    const member = head[0]!;
    if (head[1] === '?') return { member, kind: 'asked' };
    if (head[1] === '-') return { member, kind: 'silent', why: 'no answer' };
    return answered(member, { readOnly: head[1] !== '+', group: rows[0] === 'hidden' ? 'hidden' : rows.map(row) });
  });
}

/** The writer, or what is decided instead, and why. */
function decided(answers: string | MemberAnswer[], before: Partial<Before> = {}): string {
  const decision = decideWriter(typeof answers === 'string' ? members(answers) : answers, { ...NEVER, ...before });
  return decision.kind === 'writer' ? decision.member : `${decision.kind}: ${decision.reason}`;
}

type Case = [what: string, answers: string, decision: string, before?: Partial<Before>];

describe('a group', () => {
  const STALE = 'a+ a:P b:S c:S';
  const HEALTHY = `${STALE} | b a:P b:S c:S`;
  const NEW = 'b+ b:P c:S | c b:P c:S';
  const ALONE = 'a+ a:P b:U c:U';
  const SWITCHED = 'a+ a:S b:P c:S';
  const KILLED = 'a- | b a:PU b:S c:S | c a:PU b:S c:S';
  const RECOVERING = 'a+ a:P b:R | b a:P b:R';
  const unconfirmed = 'wait: only a of 3 members confirm a';
  const noMajority = 'wait: a sees no majority; no answer from b, c';
  const UNAWARE = 'a a:S b:P c:S | b a:P b:S c:S | c a:S b:P c:S';
  const different = 'wait: a and b name different primaries';
  const killed = 'wait: the members name a primary (a) that does not answer';
  const unaware = 'wait: b is named primary, but does not know it yet';
  const several = 'refuse: the group has several primaries, but afd needs single-primary mode';
  const notReady = 'wait: b is primary, but not yet writable';

  it.each<Case>([
    ['has the member for its writer that its members name', `${HEALTHY} | c a:P b:S c:S`, 'a'],
    ['is decided by a majority, without the member that is frozen', `${HEALTHY} | c?`, 'a'],
    ['waits for more than one opinion', `${STALE} | b? | c?`, unconfirmed, { claimedMs: 60_000 }],
    ['outvotes a primary that was frozen and replaced, though it still says that it is one', `${STALE} | ${NEW}`, 'b'],
    ['waits while two name different primaries', `${STALE} | b+ b:P c:S | c-`, different],
    ['does not believe a primary that nobody else confirms', `${STALE} | b- | c-`, unconfirmed, { claimedMs: 4999 }],
    ['believes it when it would know that it was replaced', `${STALE} | b- | c-`, 'a', { claimedMs: 5000 }],
    ['has no writer in a primary without a majority', `${ALONE} | b- | c-`, noMajority, { claimedMs: 60_000 }],
    ['has another than a primary without a majority', `${ALONE} | ${NEW}`, 'b'],
    ['has no writer in a member that has not joined', 'a+ :O | b- | c-', 'wait: a is OFFLINE; no answer from b, c'],
    ['has another than a member that has not joined', `a+ :O | ${NEW}`, 'b'],
    ['has another than a member without the plugin', `a+ | ${NEW}`, 'b'],
    ['waits during a switchover while the new one is not writable yet', `${SWITCHED} | b a:S b:P c:S`, notReady],
    ['has the new one when it is writable', `${SWITCHED} | b+ a:S b:P c:S | c a:S b:P c:S`, 'b'],
    ['waits while its members name one that was killed', KILLED, killed],
    ['waits while the primary that is named does not know it yet', UNAWARE, unaware],
    ['goes on with the last member of a group that others have left in order', 'a+ a:P | b- | c-', 'a'],
    ['gives a member that is recovering no vote', RECOVERING, 'wait: only a of 2 members confirm a'],
    ['counts a member that is recovering for the majority', RECOVERING, 'a', { claimedMs: 5000 }],
    ['is refused when it has several primaries', 'a+ a:P b:P c:P | b+ a:P b:P c:P | c-', several],
  ])('%s', (_, answers, decision, before) => {
    expect(decided(answers, before)).toBe(decision);
  });

  it('waits while its members disagree, and says who claims to be the writer', () => {
    const decision = decideWriter(members('a+ a:P b:S | b+ a:S b:P'), NEVER);
    expect(decision).toMatchObject({ kind: 'wait', claimants: ['a', 'b'] });
  });

  it('counts a member once to which two names lead', () => {
    const [a, b] = members(`${STALE} | b-`);
    expect(decided([a!, { ...a!, member: 'alias' } as MemberAnswer, b!])).toBe(unconfirmed);
  });
});

describe('a pair', () => {
  it.each<Case>([
    ['has the member for its writer that is not read-only', 'a | b+', 'b'],
    ['has the promoted replica after its primary was killed', 'a- | b+', 'b'],
    ['is not decided before both have answered or cannot', 'a+ | b?', 'wait: not all members have answered'],
    ['waits during a switchover, when both are read-only', 'a | b', 'wait: a is read-only; b is read-only'],
    ['is refused at once when both accept writes', 'a+ | b+', 'refuse: a and b both accept writes'],
    ['waits while nothing answers', 'a- | b-', 'wait: no answer from a; no answer from b'],
  ])('%s', (_, answers, decision, before) => {
    expect(decided(answers, before)).toBe(decision);
  });

  it('is one server when two names lead to it, and two when a clone has its name', () => {
    const same = (startedMs: number) => ({ server: 'db:3306:1', startedMs });
    expect(decided([answered('a', same(1000)), answered('b', same(3000))])).toBe('a');
    expect(decided([answered('a', same(1000)), answered('b', same(3001))])).toMatch(/^refuse/);
  });
});

describe('a database that was a group or Galera', () => {
  it('is not told by read_only while only a server that is no member of it answers', () => {
    const alone = (topology: Before['topology']) => decided('a- | b+', { topology });
    const why = 'that it was; restart afd if the database is none any more';
    expect(alone('group')).toBe(`wait: b is no member of the group ${why}`);
    expect(alone('galera')).toBe(`wait: b is no member of the Galera cluster ${why}`);
    expect(alone('replicas')).toBe('b');
  });

  it('is told by read_only where the account may not ask', () => {
    const answers = members('a hidden | b+ hidden');
    for (const topology of [undefined, 'group'] as const)
      expect(decideWriter(answers, { ...NEVER, topology })).toEqual({
        kind: 'writer',
        member: 'b',
        topology: 'replicas',
      });
  });

  it('may have two that accept writes for the 3 s after a frozen primary wakes up, and not for 5 s', () => {
    expect(decided('a+ hidden | b+ hidden', { claimedMs: 4999 })).toMatch(/^wait/);
    expect(decided('a+ hidden | b+ hidden', { claimedMs: 5000 })).toMatch(/^refuse/);
  });
});

describe('Galera', () => {
  /** `a b:12 c! d?` = a is well, so is b with 12 sessions; c is not ready, d was asked. */
  const nodes = (text: string): MemberAnswer[] =>
    text.split(' ').map((one) => {
      const [, member = '', sessions = '0', sign] = /^(\w)(?::(\d+))?([!?-]?)$/.exec(one) ?? [];
      if (sign === '?' || sign === '-') return members(one)[0]!;
      return answered(member, { galera: { ready: sign !== '!', primary: true, sessions: Number(sessions) } });
    });
  const gathering = { writer: 'b', gathering: true };

  it.each<Case>([
    ['has the first node that is configured for its writer', 'a b c', 'a'],
    ['has the next when the first is silent', 'a- b c', 'b'],
    ['has the node where the other processes are, for one that has just started', 'a b:12 c:3', 'b'],
    ['has the next most where that node is not ready', 'a b:12! c:3', 'c'],
    ['has the first configured of two with as many', 'a:3 b:3', 'a'],
    ['keeps its writer when the first node is back', 'a:9 b:4 c', 'b', { writer: 'b' }],
    ['changes its writer when it fails', 'a- b- c', 'c', { writer: 'b' }],
    ['changes its writer when it is not ready', 'a b! c', 'a', { writer: 'b' }],
    ['goes where most sessions are while the fleet gathers', 'a:9 b:4 c', 'a', gathering],
    ['stays where most are while the fleet gathers', 'a:4 b:9 c', 'b', gathering],
    ['goes to the first of two with as many while the fleet gathers', 'a:4 b:4 c', 'a', gathering],
    ['stays while the fleet gathers and nobody is anywhere', 'a b c', 'b', gathering],
    ['stays while the fleet gathers where more are on a node that is not ready', 'a:9! b:4 c', 'b', gathering],
  ])('%s', (_, answers, decision, before) => {
    expect(decided(nodes(answers), before)).toBe(decision);
  });

  it('waits for a node that was not heard yet, for its writer, and for all while the fleet gathers', () => {
    expect(decided(nodes('a b? c-'))).toMatch(/^wait/);
    expect(decided(nodes('a b? c'), { writer: 'b' })).toMatch(/^wait/);
    expect(decided(nodes('a? b:4 c'), gathering)).toMatch(/^wait/);
  });

  it('has no writer in a node outside the Primary component, on its way down, or read-only', () => {
    const galera = { ready: true, primary: false, sessions: 0 };
    const readOnly = answered('d', { galera: { ...galera, primary: true }, readOnly: true });
    expect(decided([answered('a', { galera }), ...nodes('b! c-'), readOnly])).toBe(
      'wait: a is not in the Primary component; b is not ready; no answer from c; d is read-only',
    );
  });
});

describe('what a database promises by its settings', () => {
  const promised = (values: Record<string, string>, more: { several?: boolean; ignoresReadOnly?: boolean } = {}) =>
    promisedBy({ values: new Map(Object.entries(values)), several: true, trustS: 50, ignoresReadOnly: false, ...more });

  const GROUP = {
    group_replication_group_name: 'aaaa',
    group_replication_single_primary_mode: 'ON',
    group_replication_consistency: 'BEFORE_ON_PRIMARY_FAILOVER',
    group_replication_member_expel_timeout: '5',
    group_replication_unreachable_majority_timeout: '10',
  };

  it('knows what a database is, and has nothing to say against settings that are good', () => {
    for (const several of [true, false])
      expect(promised(GROUP, { several })).toMatchObject({ row: 'group', dangers: [] });
    expect(promised({ wsrep_on: 'ON' })).toMatchObject({ row: 'galera', dangers: [] });
    const lossy = { row: 'asynchronous', dangers: [expect.stringContaining('can be lost')] };
    expect(promised({ wsrep_on: 'OFF', group_replication_group_name: '' })).toMatchObject(lossy);
    expect(promised({}, { several: false, ignoresReadOnly: true })).toBeUndefined();
  });

  it.each([
    ['group_replication_single_primary_mode', 'OFF', 'afd needs a group with one primary'],
    ['group_replication_consistency', 'EVENTUAL', 'a new primary can answer with old rows'],
    ['group_replication_consistency', 'BEFORE_AND_AFTER', 'nothing is written until it is expelled'],
    ['group_replication_unreachable_majority_timeout', '0', 'holds sessions and their locks for ever'],
    ['group_replication_member_expel_timeout', '60', 'after about 76 s, but running tasks are stopped after 50 s'],
  ])('warns of %s = %s', (name, value, words) => {
    expect(promised({ ...GROUP, [name]: value })?.dangers).toEqual([expect.stringContaining(words)]);
  });

  it.each(['master', 'source'])('knows semi-synchronous replicas by the names of %s', (which) => {
    const name = (what: string) => `rpl_semi_sync_${which}_${what}`;
    const good = {
      [name('enabled')]: 'ON',
      [name('wait_point')]: 'AFTER_SYNC',
      [name('timeout')]: '600000000',
      [name('status')]: 'ON',
    };
    expect(promised(good)).toMatchObject({ row: 'semi-synchronous', dangers: [] });
    const bad = { ...good, [name('wait_point')]: 'AFTER_COMMIT', [name('timeout')]: '10000', [name('status')]: 'OFF' };
    expect(promised(bad)?.dangers.map((one) => one.split(':')[0])).toEqual([
      `${name('wait_point')} is AFTER_COMMIT`,
      `${name('timeout')} is 10000 ms`,
      `${name('status')} is OFF`,
    ]);
  });

  it('warns of an account that read_only does not stop, where a switchover sets it', () => {
    const semiSync = { rpl_semi_sync_master_enabled: 'ON', rpl_semi_sync_master_timeout: '600000000' };
    for (const values of [semiSync, {}])
      expect(promised(values, { ignoresReadOnly: true })?.dangers.at(-1)).toContain(
        'the account may write to a server that is read_only',
      );
    // There the server itself refuses all of them.
    expect(promised(GROUP, { ignoresReadOnly: true })?.dangers).toEqual([]);
  });
});
