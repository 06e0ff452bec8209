import { describe, expect, it } from 'vitest';
import { type Before, decideWriter } from '../../../../../src/core/domain/writer/decide-writer.ts';
import type { MemberAnswer, ServerState } from '../../../../../src/core/domain/writer/member-answer.ts';

const NEVER: Before = { writer: undefined, claimedMs: 0 };

function answered(member: string, state: Partial<ServerState>): MemberAnswer {
  const whole = { server: member, startedMs: 0, readOnly: false, group: [], galera: undefined, ...state };
  return { member, kind: 'answered', state: whole };
}

function silent(member: string): MemberAnswer {
  return { member, kind: 'silent', why: 'no answer' };
}

function asked(member: string): MemberAnswer {
  return { member, kind: 'asked' };
}

/** `a:P b:S c:U` = a is ONLINE and PRIMARY, b a SECONDARY, c UNREACHABLE; `a:PU` = a primary that cannot be reached. */
function list(text: string) {
  const states: Record<string, string> = { U: 'UNREACHABLE', R: 'RECOVERING', E: 'ERROR', O: 'OFFLINE' };
  return text.split(' ').map((one) => {
    const [id = '', letters = ''] = one.split(':');
    const state = [...letters].map((letter) => states[letter]).find((known) => known !== undefined) ?? 'ONLINE';
    return { id, state, role: letters.includes('P') ? 'PRIMARY' : state === 'OFFLINE' ? '' : 'SECONDARY' };
  });
}

function inGroup(member: string, text: string, readOnly: boolean): MemberAnswer {
  return answered(member, { group: list(text), readOnly });
}

function writer(answers: MemberAnswer[], before: Partial<Before> = {}): string {
  const decision = decideWriter(answers, { ...NEVER, ...before });
  return decision.kind === 'writer' ? decision.member : decision.kind;
}

function reason(answers: MemberAnswer[], before: Partial<Before> = {}): string {
  const decision = decideWriter(answers, { ...NEVER, ...before });
  return decision.kind === 'writer' ? '' : decision.reason;
}

describe('a group', () => {
  const healthy = [inGroup('a', 'a:P b:S c:S', false), inGroup('b', 'a:P b:S c:S', true)];

  it('has the member for its writer that its members name', () => {
    expect(writer([...healthy, inGroup('c', 'a:P b:S c:S', true)])).toBe('a');
  });

  it('is decided by a majority, without the member that is frozen', () => {
    expect(writer([...healthy, asked('c')])).toBe('a');
    expect(writer([...healthy, silent('c')])).toBe('a');
  });

  it('waits for more than one opinion', () => {
    expect(writer([healthy[0]!, asked('b'), asked('c')])).toBe('wait');
  });

  it('outvotes a primary that was frozen and replaced, though it still says that it is one', () => {
    const stale = inGroup('a', 'a:P b:S c:S', false);
    const others = [inGroup('b', 'b:P c:S', false), inGroup('c', 'b:P c:S', true)];
    expect(writer([stale, ...others])).toBe('b');
    expect(writer([stale, others[0]!, asked('c')])).toBe('wait');
    expect(reason([stale, others[0]!, silent('c')])).toBe('a and b name different primaries');
  });

  it('does not believe a primary that nobody else confirms, until it would know that it was replaced', () => {
    const answers = [inGroup('a', 'a:P b:S c:S', false), silent('b'), silent('c')];
    expect(writer(answers, { claimedMs: 4999 })).toBe('wait');
    expect(reason(answers)).toBe('only a of 3 members confirm a');
    expect(writer(answers, { claimedMs: 5000 })).toBe('a');
  });

  it('has no writer in a primary without a majority, however long it says so', () => {
    const alone = inGroup('a', 'a:P b:U c:U', false);
    expect(writer([alone, silent('b'), silent('c')], { claimedMs: 60_000 })).toBe('wait');
    expect(reason([alone, silent('b'), silent('c')])).toBe('a sees no majority; no answer from b, c');
    expect(writer([alone, inGroup('b', 'b:P c:S', false), inGroup('c', 'b:P c:S', true)])).toBe('b');
  });

  it('has no writer in a member that was started again and has not joined', () => {
    const fresh = inGroup('a', ':O', false);
    expect(writer([fresh, silent('b'), silent('c')], { claimedMs: 60_000 })).toBe('wait');
    expect(writer([fresh, inGroup('b', 'b:P c:S', false), inGroup('c', 'b:P c:S', true)])).toBe('b');
    const withoutPlugin = answered('a', { readOnly: false });
    expect(writer([withoutPlugin, inGroup('b', 'b:P c:S', false), inGroup('c', 'b:P c:S', true)])).toBe('b');
  });

  it('waits while a switchover has made the old primary a secondary, and the new one is not writable yet', () => {
    const old = inGroup('a', 'a:S b:P c:S', false);
    const fresh = (readOnly: boolean) => inGroup('b', 'a:S b:P c:S', readOnly);
    const third = inGroup('c', 'a:S b:P c:S', true);
    expect(reason([old, fresh(true), third])).toBe('b is primary, but not yet writable');
    expect(writer([old, fresh(false), third])).toBe('b');
  });

  it('waits while its members name a primary that was killed', () => {
    const answers = [silent('a'), inGroup('b', 'a:PU b:S c:S', true), inGroup('c', 'a:PU b:S c:S', true)];
    expect(reason(answers)).toBe('the members name a primary (a) that does not answer');
  });

  it('waits while the primary that is named does not know it yet', () => {
    const answers = [
      inGroup('a', 'a:S b:P c:S', true),
      inGroup('b', 'a:P b:S c:S', true),
      inGroup('c', 'a:S b:P c:S', true),
    ];
    expect(reason(answers)).toBe('b is named primary, but does not know it yet');
  });

  it('waits while its members disagree, and says who claims to be the writer', () => {
    const answers = [inGroup('a', 'a:P b:S', false), inGroup('b', 'a:S b:P', false)];
    expect(decideWriter(answers, NEVER)).toMatchObject({ kind: 'wait', claimants: ['a', 'b'] });
  });

  it('goes on with the last member of a group that others have left in order', () => {
    expect(writer([inGroup('a', 'a:P', false), silent('b'), silent('c')])).toBe('a');
  });

  it('counts a member that is recovering for the majority, but not for a vote', () => {
    const answers = [inGroup('a', 'a:P b:R', false), inGroup('b', 'a:P b:R', true)];
    expect(writer(answers)).toBe('wait');
    expect(writer(answers, { claimedMs: 5000 })).toBe('a');
  });

  it('counts a member once to which two names lead', () => {
    const [a] = healthy;
    expect(writer([a!, { ...a!, member: 'alias' }, silent('b')])).toBe('wait');
  });

  it('is refused when it has several primaries', () => {
    const answers = [inGroup('a', 'a:P b:P c:P', false), inGroup('b', 'a:P b:P c:P', false), silent('c')];
    expect(reason(answers)).toBe('the group has several primaries, but afd needs single-primary mode');
    expect(writer(answers)).toBe('refuse');
  });
});

describe('a pair', () => {
  it('has the member for its writer that is not read-only', () => {
    expect(writer([answered('a', { readOnly: true }), answered('b', {})])).toBe('b');
  });

  it('has the promoted replica after its primary was killed', () => {
    expect(writer([silent('a'), answered('b', {})])).toBe('b');
  });

  it('is not decided before both have answered or cannot', () => {
    expect(writer([answered('a', {}), asked('b')])).toBe('wait');
  });

  it('waits during a switchover, when both are read-only', () => {
    const answers = [answered('a', { readOnly: true }), answered('b', { readOnly: true })];
    expect(reason(answers)).toBe('a is read-only; b is read-only');
  });

  it('is refused at once when both accept writes', () => {
    expect(writer([answered('a', {}), answered('b', {})])).toBe('refuse');
    expect(reason([answered('a', {}), answered('b', {})])).toBe('a and b both accept writes');
  });

  it('is one server when two names lead to it, and two when a clone has its name', () => {
    const same = { server: 'db:3306:1', startedMs: 1000 };
    expect(writer([answered('a', same), answered('b', { ...same, startedMs: 2000 })])).toBe('a');
    expect(writer([answered('a', same), answered('b', { ...same, startedMs: 4000 })])).toBe('refuse');
  });
});

describe('a database that was a group or Galera', () => {
  it.each(['group', 'galera'] as const)(
    'is not told by read_only while only a server that is no member of the %s answers',
    (topology) => {
      const answers = [silent('a'), answered('b', {}), silent('c')];
      expect(writer(answers, { topology })).toBe('wait');
      expect(reason(answers, { topology })).toMatch(
        /^b is no member of the (group|Galera cluster) that it was; restart afd/,
      );
      expect(writer(answers, { topology: 'replicas' })).toBe('b');
    },
  );

  it('is told by read_only where the right to ask was taken away', () => {
    const answers = [answered('a', { group: 'hidden' }), answered('b', { group: 'hidden', readOnly: true })];
    expect(writer(answers, { topology: 'group' })).toBe('a');
  });
});

describe('members whose group the account may not ask for', () => {
  it('are told apart by read_only', () => {
    const answers = [answered('a', { group: 'hidden', readOnly: true }), answered('b', { group: 'hidden' })];
    expect(decideWriter(answers, NEVER)).toEqual({ kind: 'writer', member: 'b', topology: 'replicas' });
  });

  it('may both accept writes for the 3 s after a frozen primary wakes up, and not for 5 s', () => {
    const answers = [answered('a', { group: 'hidden' }), answered('b', { group: 'hidden' })];
    expect(writer(answers, { claimedMs: 4999 })).toBe('wait');
    expect(writer(answers, { claimedMs: 5000 })).toBe('refuse');
  });
});

describe('Galera', () => {
  const node = (member: string, galera: Partial<NonNullable<ServerState['galera']>> = {}) =>
    answered(member, { galera: { ready: true, primary: true, sessions: 0, ...galera } });

  it('has the first node that is configured for its writer', () => {
    expect(writer([node('a'), node('b'), node('c')])).toBe('a');
    expect(writer([node('a'), asked('b'), silent('c')])).toBe('wait');
    expect(writer([silent('a'), node('b'), node('c')])).toBe('b');
  });

  it('has the node where the other processes are, for one that has just started', () => {
    expect(writer([node('a'), node('b', { sessions: 12 }), node('c', { sessions: 3 })])).toBe('b');
    expect(writer([node('a'), node('b', { sessions: 12, ready: false }), node('c', { sessions: 3 })])).toBe('c');
    expect(writer([node('a', { sessions: 3 }), node('b', { sessions: 3 })])).toBe('a');
  });

  it('keeps its writer when the first node is back, and changes it when it fails', () => {
    expect(writer([node('a'), node('b'), node('c')], { writer: 'b' })).toBe('b');
    expect(writer([node('a'), asked('b'), node('c')], { writer: 'b' })).toBe('wait');
    expect(writer([silent('a'), silent('b'), node('c')], { writer: 'b' })).toBe('c');
    expect(writer([node('a'), node('b', { ready: false }), node('c')], { writer: 'b' })).toBe('a');
  });

  it('goes where most sessions are while the fleet gathers, to the first configured of two with as many', () => {
    const gathering = { writer: 'b', gathering: true };
    expect(writer([node('a', { sessions: 9 }), node('b', { sessions: 4 }), node('c')], gathering)).toBe('a');
    expect(writer([node('a', { sessions: 4 }), node('b', { sessions: 9 }), node('c')], gathering)).toBe('b');
    expect(writer([node('a', { sessions: 4 }), node('b', { sessions: 4 }), node('c')], gathering)).toBe('a');
    expect(writer([node('a'), node('b'), node('c')], gathering)).toBe('b');
    expect(writer([asked('a'), node('b', { sessions: 4 }), node('c')], gathering)).toBe('wait');
    expect(writer([node('a', { sessions: 9, ready: false }), node('b', { sessions: 4 }), node('c')], gathering)).toBe(
      'b',
    );
    expect(writer([node('a', { sessions: 9 }), node('b', { sessions: 4 }), node('c')], { writer: 'b' })).toBe('b');
  });

  it('has no writer in a node outside the Primary component, or on its way down', () => {
    const answers = [node('a', { primary: false, ready: false }), node('b', { ready: false }), silent('c')];
    expect(reason(answers)).toBe('a is not in the Primary component; b is not ready; no answer from c');
  });

  it('has no writer in a node that is read-only', () => {
    const readOnly = answered('a', { galera: { ready: true, primary: true, sessions: 0 }, readOnly: true });
    expect(reason([readOnly])).toBe('a is read-only');
  });
});

it('says that nothing answers', () => {
  expect(reason([silent('a'), silent('b')])).toBe('no answer from a; no answer from b');
});
