// Rule 14: nobody is kept from work for longer than a bound: not by a main thread that does not come to its event loop, not
// by a row that cannot be had, not by what is in front.
import { type Evidence, type Execution, type Finding, isClaim, type LeaderEvent, taskEvents } from './evidence.ts';

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

interface Span {
  from: number;
  to: number;
}

export function nobodyBlocked(evidence: Evidence): Finding {
  const away = databaseAway(evidence);
  const leaders = blockedLeaders(evidence, away);
  const waiting = waits(evidence, [...away, ...nobodyThere(evidence)]);
  return {
    violations: [...leaders.violations, ...waiting.violations],
    counts: { ...leaders.counts, ...waiting.counts },
  };
}

/** When the storm did something to the database itself, or got no time from the machine: its proxies stood still then. */
function databaseAway({ history }: Evidence): Span[] {
  const spans: Span[] = [];
  let [killed, set]: Array<number | undefined> = [];
  for (const { f, wall, victim, ms, type } of history) {
    if (f === 'kill' && victim === 'database') killed = wall;
    else if (f === 'database-up' && killed !== undefined) {
      spans.push({ from: killed, to: wall + AFTER_MS });
      killed = undefined;
    } else if (f === 'starved') spans.push({ from: wall - Number(ms), to: wall + AFTER_MS });
    else if (f === 'stop' && victim === 'database') spans.push({ from: wall, to: wall + Number(ms) + AFTER_MS });
    else if (f === 'globals' && type === 'ok') set = wall;
    else if (f === 'globals' && set !== undefined) {
      spans.push({ from: set, to: wall + AFTER_MS });
      set = undefined;
    }
  }
  for (const from of [killed, set]) if (from !== undefined) spans.push({ from, to: Number.POSITIVE_INFINITY });
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
    from.set(gone, f === 'stop' ? wall + AFTER_MS : Number.POSITIVE_INFINITY);
  }
  for (const since of from.values()) there.push({ from: since, to: Number.POSITIVE_INFINITY });
  const away: Span[] = [];
  let until = 0;
  for (const one of there.sort((a, b) => a.from - b.from)) {
    if (one.from > until) away.push({ from: until, to: one.from });
    until = Math.max(until, one.to);
  }
  return there.length === 0 ? [] : [...away, { from: until, to: Number.POSITIVE_INFINITY }];
}

/** Milliseconds of a span in which the database was there, as far as the storm knows. */
function present({ from, to }: Span, away: Span[]): number {
  const cuts = away
    .map((one) => ({ from: Math.max(from, one.from), to: Math.min(to, one.to) }))
    .filter((one) => one.to > one.from)
    .sort((a, b) => a.from - b.from);
  let left = to - from;
  let until = from;
  for (const cut of cuts) {
    left -= Math.max(0, cut.to - Math.max(until, cut.from));
    until = Math.max(until, cut.to);
  }
  return left;
}

function blockedLeaders(evidence: Evidence, away: Span[]): Finding {
  const violations: string[] = [];
  const counts = { blocked: 0, 'blocked leaders': 0, 'slowest to be followed, ms': 0 };
  const terms = evidence.events.filter((one): one is LeaderEvent => one.table === 'leader');
  for (const { device, from, to, whole } of blocks(evidence)) {
    counts.blocked += 1;
    const led = terms.findLast((one) => one.at <= from)?.now;
    if (led?.holder !== device) continue;
    counts['blocked leaders'] += 1;
    const within = terms.filter((one) => one.at > from && one.at <= to);
    const next = within.find((one) => one.now.holder !== null && one.now.holder !== device);
    const ms = Math.round((next?.at ?? from) - from);
    counts['slowest to be followed, ms'] = Math.max(counts['slowest to be followed, ms'], ms);
    if (stops(evidence, device).some((at) => at < to && at > from - AFTER_MS)) continue;
    const last = within.findLast((one) => one.now.holder === device && one.now.term === led.term);
    const renewed = last === undefined ? 0 : Math.round(present({ from, to: last.at }, away));
    if (renewed > RENEWS_MS)
      violations.push(`${device} renewed term ${led.term} ${renewed} ms after its main thread was blocked`);
    const alone = Math.round(present({ from, to }, away));
    if (whole && next === undefined && alone > FOLLOWED_MS)
      violations.push(`nobody followed ${device} (term ${led.term}), whose main thread was blocked for ${alone} ms`);
  }
  return { violations, counts };
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
      const end = ledger.find(
        (other) => other.what === 'unblock' && other.task === one.task && other.attempt === one.attempt,
      );
      const from = wall(one);
      const ended = history.find((other) => other.f === 'exit' && other.proc === one.device && other.wall > from);
      const to =
        end === undefined ? Math.min(from + (one.ms ?? 0), ended?.wall ?? Number.POSITIVE_INFINITY) : wall(end);
      return { device: one.device, from, to, whole: end !== undefined };
    });
}

/** When this process was stopped as a whole, so that nobody in it knew how time passed. */
function stops({ history }: Evidence, device: string): number[] {
  return history.filter((one) => one.f === 'stop' && one.victim === device).map((one) => one.wall);
}

function waits(evidence: Evidence, away: Span[]): Finding {
  const violations: string[] = [];
  const counts = { claims: 0, 'longest standstill, ms': 0, 'longest overtaken, ms': 0 };
  const since = new Map<number, number>();
  const lanes = new Map<string, Array<{ at: number; due: number }>>();
  let before: number | undefined;
  for (const one of taskEvents(evidence)) {
    const { task, at, was, now, key } = one;
    if (was?.status === 'pending' && isClaim(one)) {
      counts.claims += 1;
      const due = at + was.due_in_s * 1000;
      const from = Math.max(due, since.get(task) ?? at);
      const still = present({ from: Math.max(from, before ?? at), to: at }, away);
      counts['longest standstill, ms'] = Math.max(counts['longest standstill, ms'], Math.round(still));
      if (still > STANDSTILL_MS)
        violations.push(`nobody claimed anything for ${Math.round(still)} ms, while task ${task} was due`);
      const lane = laneOf(key);
      const claims = lanes.get(lane) ?? [];
      lanes.set(lane, claims);
      const other = at - from < SAME_MS ? undefined : firstAfter(claims, from, due + SAME_MS);
      const overtaken = other === undefined ? 0 : Math.round(present({ from: other, to: at }, away));
      counts['longest overtaken, ms'] = Math.max(counts['longest overtaken, ms'], overtaken);
      if (overtaken > OVERTAKEN_MS)
        violations.push(`task ${task} was passed over for ${overtaken} ms by tasks of its lane that were due later`);
      claims.push({ at, due });
      before = at;
    }
    if (now?.status !== 'pending') since.delete(task);
    else if (was?.status !== 'pending') since.set(task, at);
  }
  return { violations, counts };
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
  for (let n = low; n < claims.length; n += 1) if (claims[n]!.due > due) return claims[n]!.at;
  return undefined;
}
