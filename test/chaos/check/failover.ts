// Rules 16 and 17: what a failover does to nobody, and that one server at a time takes the writes.
import { GATEWAY, REMOTE } from '../plan.ts';
import type { Evidence, Finding, HistoryLine } from './evidence.ts';

/** For so long after something was done to a device or to the database its consequences may come: two heartbeat timeouts and more. */
const AFTER_MS = 120_000;
const TO_DEVICE = new Set(['kill', 'stop', 'block', 'reset', 'freeze-up', 'freeze-down', 'half-open', 'latency']);
/** Steps that end in another server taking the writes, or in another run of the same one. */
const TO_DATABASE = /-(database|secondary|majority|primary)$/;

/**
 * A device is declared dead only if something was done to it, or its process ended. What its leader sees after a failover, a free lock and an
 * old heartbeat, is no reason. Remote devices are their gateway's,
 * and a gateway takes its device id from the machine.
 */
export function nobodyDeadByFailover(evidence: Evidence): Finding {
  const { events, history } = evidence;
  const violations: string[] = [];
  let dead = 0;
  for (const one of events) {
    if (one.table !== 'device' || one.proc === undefined || evidence.foreign.has(one.conn)) continue;
    if (one.device.startsWith(REMOTE) || one.device.includes(`-${GATEWAY}`)) continue;
    if (one.now?.status !== 'offline' || one.was?.status === 'offline' || one.proc === one.device) continue;
    dead += 1;
    const recent = history.filter((line) => line.wall <= one.at && line.wall > one.at - AFTER_MS);
    const failed = recent.find((line) => line.type === 'invoke' && TO_DATABASE.test(line.f));
    if (failed === undefined || recent.some((line) => happenedTo(one.device, line))) continue;
    violations.push(`${one.proc} declared ${one.device} dead, to whom nothing had happened but ${failed.f}`);
  }
  return { violations, counts: { dead } };
}

function happenedTo(device: string, { f, proc, victim }: HistoryLine): boolean {
  if (f === 'starved') return true;
  return (victim === device && TO_DEVICE.has(f)) || (proc === device && (f === 'exit' || f === 'ready'));
}

/**
 * On Galera, for so long after one of its nodes was disturbed the processes may use different nodes: the others notice after 5 s, and then the
 * fleet gathers.
 */
const GATHERED_MS = 12_000;
const HANGING_MS = 2000;
/** What is known to have been written when it is answered. */
const ANSWERS = new Set(['enqueue', 'claim', 'complete']);

/** Each change of the server that writes has its step of the storm: a former writer that comes back to write alternates with the new one. */
export function oneWriter(evidence: Evidence): Finding {
  const { events, history } = evidence;
  if (history.some((line) => line.f === 'topology' && line.name === 'galera')) return gathered(evidence);
  const violations: string[] = [];
  const steps = history.filter((line) => line.type === 'invoke' && TO_DATABASE.test(line.f)).map((line) => line.wall);
  let writer: string | undefined;
  let changes = 0;
  for (const one of events) {
    const server = serverOf(one.conn);
    if (server === undefined || server === writer) continue;
    if (writer !== undefined) changes += 1;
    const allowed = steps.filter((wall) => wall <= one.at).length;
    if (changes > allowed)
      violations.push(
        `event ${one.n}: server ${server} wrote after ${writer}, the change ${changes} after ${allowed} steps`,
      );
    writer = server;
  }
  return { violations, counts: { changes } };
}

/** The first change after a disturbance is its own, however long nothing could be written; others come while the fleet gathers. */
function gathered({ events, history }: Evidence): Finding {
  const disturbs = (line: HistoryLine) =>
    TO_DATABASE.test(line.f) || line.victim === 'database' || line.f === 'topology';
  const disturbed = history.filter(disturbs).map(({ wall }) => wall);
  const answered = history.filter(({ type, f }) => type === 'ok' && ANSWERS.has(f)).map(({ wall }) => wall);
  const asked = history.filter(({ type, f }) => type === 'invoke' && f === 'enqueue').map(({ wall }) => wall);
  const violations: string[] = [];
  let writer: string | undefined;
  let changes = 0;
  let [since, first] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const one of events) {
    const server = serverOf(one.conn);
    if (server === undefined || server === writer) continue;
    const last = Math.max(...disturbed.filter((wall) => wall <= one.at));
    if (last > since) [since, first] = [last, one.at];
    if (writer !== undefined) changes += 1;
    const from = Math.max(first, endOfHanging(answered, asked, since, one.at));
    if (writer !== undefined && one.at - from > GATHERED_MS)
      violations.push(
        `event ${one.n}: server ${server} wrote after ${writer}, ${one.at - last} ms after the storm had touched one`,
      );
    writer = server;
  }
  return { violations, counts: { changes } };
}

/**
 * When writes that hung were over, in milliseconds: the first answer after a time without any, in which somebody had asked. An event has the
 * time of its statement, which hangs in its COMMIT until a node is known to be dead, and, as was seen, again while that node joins.
 */
function endOfHanging(answered: number[], asked: number[], since: number, until: number): number {
  let end = since;
  for (const [n, wall] of answered.entries()) {
    const before = Math.max(since, answered[n - 1] ?? since);
    if (wall <= since || wall > until || before > since + GATHERED_MS) continue;
    if (asked.some((one) => one > before && one <= wall - HANGING_MS)) end = wall;
  }
  return end;
}

/** Which run of which server: `run:connection`. */
function serverOf(conn: string): string | undefined {
  return conn.includes(':') ? conn.slice(0, conn.indexOf(':')) : undefined;
}
