// Rule 14: nobody is kept from work for longer than a bound: not by a main thread that does not come to its event loop, not
// by a row that cannot be had, not by what is in front.
import { type Evidence, type Execution, isClaim, type Rule, taskEvents } from './evidence.ts';

/**
 * A blocked leader renews no longer than so. It is 1.5 s until its liveness thread calls it silent, and one renewal may be
 * under way then; the rest is for what the proxies hold up: 4 s at most, and some latency.
 */
const RENEWS_MS = 8000;
/** Milliseconds until another node leads: what the lease has left then, the grace, and what the storm does to the others. */
const FOLLOWED_MS = 11_000;
/** With a task due throughout, somebody claims something within this time, in which the database was there. */
const STANDSTILL_MS = 20_000;
/**
 * A task waits no longer than so once tasks of its lane that were due later have been claimed. A row lock of a session that
 * hangs is held for 15 s at most, a foreign one for 4 s.
 */
const OVERTAKEN_MS = 30_000;
/** Tasks whose due times are no further apart have no order: claims of many come in one transaction. */
const SAME_MS = 1000;
/** Milliseconds for which a fault of the database has effects after its end: sessions time out and reconnect. */
const AFTER_MS = 10_000;
/** Milliseconds from its start that a worker may need to learn where there is work. */
const SETTLED_MS = 2000;

const EVER = Number.POSITIVE_INFINITY;

interface Span {
  from: number;
  to: number;
}

export const nobodyBlocked: Rule = (evidence, wrong) => {
  const away = databaseAway(evidence);
  return { ...blockedLeaders(evidence, away, wrong), ...waits(evidence, [...away, ...nobodyThere(evidence)], wrong) };
};

/** When the storm did something to the database itself, or got no time from the machine: its proxies stood still then. */
function databaseAway({ history }: Evidence): Span[] {
  const spans: Span[] = [];
  const begun = new Map<string, number>();
  const ended = (what: string, wall: number) => {
    const from = begun.get(what);
    if (from !== undefined) spans.push({ from, to: wall + AFTER_MS });
    begun.delete(what);
  };
  for (const { f, wall, victim, ms, type } of history) {
    if (f === 'kill' && victim === 'database') begun.set('kill', wall);
    else if (f === 'database-up') ended('kill', wall);
    else if (f === 'starved') spans.push({ from: wall - Number(ms), to: wall + AFTER_MS });
    else if (f === 'stop' && victim === 'database') spans.push({ from: wall, to: wall + Number(ms) + AFTER_MS });
    else if (f === 'globals' && type === 'ok') begun.set('globals', wall);
    else if (f === 'globals') ended('globals', wall);
  }
  for (const from of begun.values()) spans.push({ from, to: EVER });
  return spans;
}

/** When no worker had been up long enough to claim: a busy machine may need many seconds to start one. */
function nobodyThere({ history }: Evidence): Span[] {
  const from = new Map<string, number>();
  const there: Span[] = [];
  for (const { f, proc, victim, wall } of history) {
    if (f === 'ready') from.set(proc, wall + SETTLED_MS);
    const gone = f === 'exit' ? proc : f === 'stop' || f === 'kill' ? String(victim) : undefined;
    const since = gone === undefined ? undefined : from.get(gone);
    if (f === 'exit') from.delete(proc);
    if (gone === undefined || since === undefined) continue;
    if (wall > since) there.push({ from: since, to: wall });
    // One that was stopped comes again, and needs a moment; one that was killed says so when it is ready.
    from.set(gone, f === 'stop' ? wall + AFTER_MS : EVER);
  }
  for (const since of from.values()) there.push({ from: since, to: EVER });
  const away: Span[] = [];
  let until = 0;
  for (const one of there.sort((a, b) => a.from - b.from)) {
    if (one.from > until) away.push({ from: until, to: one.from });
    until = Math.max(until, one.to);
  }
  return there.length === 0 ? [] : [...away, { from: until, to: EVER }];
}

/** Milliseconds of a span in which the database was there, as far as the storm knows. */
function present({ from, to }: Span, away: Span[]): number {
  let left = to - from;
  let until = from;
  for (const one of away.toSorted((a, b) => a.from - b.from)) {
    const end = Math.min(to, one.to);
    left -= Math.max(0, end - Math.max(until, one.from));
    until = Math.max(until, end);
  }
  return left;
}

function blockedLeaders(evidence: Evidence, away: Span[], wrong: (violation: string) => void) {
  let [blocked, leaders, slowest] = [0, 0, 0];
  const terms = evidence.events.filter((one) => one.table === 'leader');
  for (const { device, from, to, whole } of blocks(evidence)) {
    blocked += 1;
    const led = terms.findLast((one) => one.at <= from)?.now;
    if (led?.holder !== device) continue;
    leaders += 1;
    const within = terms.filter((one) => one.at > from && one.at <= to);
    const next = within.find((one) => one.now.holder !== null && one.now.holder !== device);
    slowest = Math.max(slowest, Math.round((next?.at ?? from) - from));
    // Nobody in a process that was stopped as a whole knew how time passed.
    const stopped = (at: number) => at < to && at > from - AFTER_MS;
    if (evidence.history.some((one) => one.f === 'stop' && one.victim === device && stopped(one.wall))) continue;
    const last = within.findLast((one) => one.now.holder === device && one.now.term === led.term);
    const renewed = last === undefined ? 0 : Math.round(present({ from, to: last.at }, away));
    if (renewed > RENEWS_MS)
      wrong(`${device} renewed term ${led.term} ${renewed} ms after its main thread was blocked`);
    const alone = Math.round(present({ from, to }, away));
    if (whole && next === undefined && alone > FOLLOWED_MS)
      wrong(`nobody followed ${device} (term ${led.term}), whose main thread was blocked for ${alone} ms`);
  }
  return { blocked, 'blocked leaders': leaders, 'slowest to be followed, ms': slowest };
}

/** Blocks of the ledger, on the clock of the machine; `whole`: it lasted for its time, and its process lived. */
function blocks({ ledger, history }: Evidence): Array<Span & { device: string; whole: boolean }> {
  const [line] = history;
  if (line === undefined) return [];
  const start = line.wall - Number(line.mono_ns) / 1e6;
  const wall = ({ mono_ns }: Execution) => start + Number(mono_ns) / 1e6;
  return ledger
    .filter((one) => one.what === 'block')
    .map((one) => {
      const { device, task, attempt, ms = 0 } = one;
      const end = ledger.find((it) => it.what === 'unblock' && it.task === task && it.attempt === attempt);
      const from = wall(one);
      const exit = history.find((other) => other.f === 'exit' && other.proc === device && other.wall > from);
      const to = end === undefined ? Math.min(from + ms, exit?.wall ?? EVER) : wall(end);
      return { device, from, to, whole: end !== undefined };
    });
}

function waits(evidence: Evidence, away: Span[], wrong: (violation: string) => void) {
  let [claims, standstill, longest] = [0, 0, 0];
  const since = new Map<number, number>();
  const lanes = new Map<string, Array<{ at: number; due: number }>>();
  let before: number | undefined;
  for (const one of taskEvents(evidence)) {
    const { task, at, was, now, key } = one;
    if (was?.status === 'pending' && isClaim(one)) {
      claims += 1;
      const due = at + was.due_in_s * 1000;
      const from = Math.max(due, since.get(task) ?? at);
      const still = Math.round(present({ from: Math.max(from, before ?? at), to: at }, away));
      standstill = Math.max(standstill, still);
      if (still > STANDSTILL_MS) wrong(`nobody claimed anything for ${still} ms, while task ${task} was due`);
      const name = laneOf(key);
      const lane = lanes.get(name) ?? [];
      lanes.set(name, lane);
      const other = at - from < SAME_MS ? undefined : firstAfter(lane, from, due + SAME_MS);
      const overtaken = other === undefined ? 0 : Math.round(present({ from: other, to: at }, away));
      longest = Math.max(longest, overtaken);
      if (overtaken > OVERTAKEN_MS)
        wrong(`task ${task} was passed over for ${overtaken} ms by tasks of its lane that were due later`);
      lane.push({ at, due });
      before = at;
    }
    if (now?.status !== 'pending') since.delete(task);
    else if (was?.status !== 'pending') since.set(task, at);
  }
  return { claims, 'longest standstill, ms': standstill, 'longest overtaken, ms': longest };
}

/** Tasks of one type: the storm's keys begin with it. */
function laneOf(key: string | null): string {
  const word = key?.split('-')[0] ?? '';
  return word === 'child' ? 'short' : word;
}

/** When a claim from `from` on took what was due after `due`. */
function firstAfter(claims: Array<{ at: number; due: number }>, from: number, due: number): number | undefined {
  let [low, high] = [0, claims.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (claims[middle]!.at < from) low = middle + 1;
    else high = middle;
  }
  return claims.slice(low).find((one) => one.due > due)?.at;
}
