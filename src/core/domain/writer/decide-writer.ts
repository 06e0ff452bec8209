// Which member takes the writes. By agreement, not by a flag: `read_only = 0` is also said by a primary that has been replaced
// and does not know it yet, by one without a majority, and by a member that has not joined.
import { type GroupRow, isSameServer, type MemberAnswer, type ServerState, type Topology } from './member-answer.ts';

export type Decision =
  | { kind: 'writer'; member: string; topology: Topology }
  /** There is none for now. `claimants`: who say that they are it. */
  | { kind: 'wait'; reason: string; claimants: readonly string[] }
  /** A write now might go into one of two histories: a person has to find out. */
  | { kind: 'refuse'; reason: string };

export interface Before {
  /** The member that was the writer. */
  writer: string | undefined;
  /** What the database was when there was a writer. */
  topology?: Topology | undefined;
  /** For how long the same members have claimed to be it without an agreement. */
  claimedMs: number;
  /** On Galera: goes where most sessions are, also from a node that is well. */
  gathering?: boolean | undefined;
}

/** A primary that was frozen and replaced goes on claiming for 3 s after it wakes up. */
export const CLAIM_ALARM_MS = 5000;

interface Member {
  member: string;
  state: ServerState;
}

/** `answers`: one of each configured member, in their order. */
export function decideWriter(answers: readonly MemberAnswer[], before: Before): Decision {
  const members = answers.filter((one) => one.kind === 'answered');
  if (members.some(({ state }) => Array.isArray(state.group) && state.group.length > 0))
    return ofGroup(answers, members, before);
  if (members.some(({ state }) => state.galera !== undefined)) return ofGalera(answers, before);
  return ofReplicas(answers, members, before);
}

function ofGroup(answers: readonly MemberAnswer[], members: readonly Member[], { claimedMs }: Before): Decision {
  const views = distinct(members).map(viewOf);
  const claimants = views.filter((view) => view.own?.role === 'PRIMARY' && !view.state.readOnly).map(memberOf);
  const wait = (reason: string): Decision => ({ kind: 'wait', reason, claimants });
  // Who sees no majority knows nothing of what the others do.
  const voters = views.filter((view) => view.own?.state === 'ONLINE' && view.majority);
  if (voters.some((view) => view.primaries.length > 1))
    return { kind: 'refuse', reason: 'the group has several primaries, but afd needs single-primary mode' };
  const votes = new Map<string, string[]>();
  for (const view of voters) {
    const [primary] = view.primaries;
    if (primary !== undefined) votes.set(primary, [...(votes.get(primary) ?? []), view.member]);
  }
  const ranked = [...votes].sort((one, other) => other[1].length - one[1].length);
  const [best, next] = ranked;
  if (best === undefined) return wait(withoutVotes(answers, views));
  if (next !== undefined && next[1].length === best[1].length)
    return wait(`${best[1].join(', ')} and ${next[1].join(', ')} name different primaries`);
  const chosen = views.find((view) => view.state.server === best[0]);
  if (chosen === undefined) return wait(`the members name a primary (${best[0]}) that does not answer`);
  if (chosen.own?.state !== 'ONLINE' || chosen.own.role !== 'PRIMARY')
    return wait(`${chosen.member} is named primary, but does not know it yet`);
  if (!chosen.majority) return wait(`${chosen.member} does not see a majority of its group`);
  if (chosen.state.readOnly) return wait(`${chosen.member} is primary, but not yet writable`);
  const writer: Decision = { kind: 'writer', member: chosen.member, topology: 'group' };
  if (best[1].length * 2 > chosen.size) return writer;
  // The others may be out of reach of this process alone. A primary that was replaced would know it by now.
  const alone = ranked.length === 1 && !answers.some(isAsked) && claimedMs >= CLAIM_ALARM_MS;
  return alone ? writer : wait(`only ${best[1].join(', ')} of ${chosen.size} members confirm ${chosen.member}`);
}

function withoutVotes(answers: readonly MemberAnswer[], views: readonly View[]): string {
  const silent = answers.filter((one) => one.kind !== 'answered').map((one) => one.member);
  const states = views.map((view) => {
    if (view.own?.state !== 'ONLINE') return `${view.member} is ${view.own?.state ?? 'not in the group'}`;
    return view.majority ? `${view.member} names no primary` : `${view.member} sees no majority`;
  });
  return [...states, ...(silent.length === 0 ? [] : [`no answer from ${silent.join(', ')}`])].join('; ');
}

/** Two names may lead to one member, which has one vote. */
function distinct(members: readonly Member[]): Member[] {
  return members.filter((one, n) => n === members.findIndex((other) => isSameServer(other.state, one.state)));
}

interface View extends Member {
  own: GroupRow | undefined;
  primaries: string[];
  size: number;
  /** More than half of its list can be reached. */
  majority: boolean;
}

function viewOf({ member, state }: Member): View {
  const rows = Array.isArray(state.group) ? (state.group as readonly GroupRow[]) : [];
  const reachable = rows.filter((row) => row.state === 'ONLINE' || row.state === 'RECOVERING').length;
  return {
    member,
    state,
    own: rows.find((row) => row.id === state.server) ?? rows.find((row) => row.id === ''),
    primaries: rows.filter((row) => row.role === 'PRIMARY').map((row) => row.id),
    size: rows.length,
    majority: reachable * 2 > rows.length,
  };
}

function ofGalera(answers: readonly MemberAnswer[], { writer, gathering = false }: Before): Decision {
  const usable = (one: MemberAnswer) =>
    one.kind === 'answered' && one.state.galera?.ready === true && one.state.galera.primary && !one.state.readOnly;
  // Sticky, and where the others are: two processes that write by two nodes would roll each other back.
  const last = answers.find((one) => one.member === writer && (usable(one) || isAsked(one)));
  const open = last === undefined || gathering ? answers.some(isAsked) : isAsked(last);
  const most = [...answers].filter(usable).sort((one, other) => sessionsOf(other) - sessionsOf(one))[0];
  const together = gathering && most !== undefined && sessionsOf(most) > 0;
  const found = together ? most : (last ?? most);
  if (!open && found !== undefined) return { kind: 'writer', member: found.member, topology: 'galera' };
  const states = answers.map((one) => {
    if (one.kind !== 'answered') return `no answer from ${one.member}`;
    if (one.state.galera?.primary !== true) return `${one.member} is not in the Primary component`;
    return one.state.galera.ready ? `${one.member} is read-only` : `${one.member} is not ready`;
  });
  return { kind: 'wait', reason: states.join('; '), claimants: [] };
}

function ofReplicas(answers: readonly MemberAnswer[], members: readonly Member[], before: Before): Decision {
  const { claimedMs, topology } = before;
  const writable = members.filter(({ state }) => !state.readOnly);
  const hides = members.some(({ state }) => state.group === 'hidden');
  const [first, ...more] = writable;
  const second = more.find(({ state }) => !isSameServer(state, first!.state));
  const claimants = writable.map(memberOf);
  if (first !== undefined && second !== undefined) {
    const reason = `${first.member} and ${second.member} both accept writes`;
    // Without the right to ask it may be a group, where this is normal for a moment.
    return hides && claimedMs < CLAIM_ALARM_MS ? { kind: 'wait', reason, claimants } : { kind: 'refuse', reason };
  }
  if (answers.some(isAsked)) return { kind: 'wait', reason: 'not all members have answered', claimants };
  const grouped = topology === 'group' || topology === 'galera';
  // It has not joined yet, or was started without what makes it a member: the others may have a writer.
  if (first !== undefined && grouped && !hides) {
    const reason = `${first.member} is no member of the ${topology === 'group' ? 'group' : 'Galera cluster'} that it was; restart afd if the database is none any more`;
    return { kind: 'wait', reason, claimants };
  }
  if (first !== undefined) return { kind: 'writer', member: first.member, topology: 'replicas' };
  const states = answers.map((one) =>
    one.kind === 'answered' ? `${one.member} is read-only` : `no answer from ${one.member}`,
  );
  return { kind: 'wait', reason: states.join('; '), claimants };
}

function sessionsOf(one: MemberAnswer): number {
  return one.kind === 'answered' ? (one.state.galera?.sessions ?? 0) : 0;
}

function isAsked(one: MemberAnswer): boolean {
  return one.kind === 'asked';
}

function memberOf({ member }: Member): string {
  return member;
}

/** Who claims to be the writer, whatever the others say of it. */
export function claimsOf(answers: readonly MemberAnswer[]): string {
  const decision = decideWriter(answers, { writer: undefined, claimedMs: 0 });
  return decision.kind === 'wait' ? decision.claimants.join() : decision.kind;
}
