// Rules 16 and 17: what a failover does to nobody, and that one server at a time takes the writes.
import type { HistoryLine, Rule } from './evidence.ts';
import { declaredDead, ofGateways } from './leaders.ts';

/** For so long after something was done to a device or to the database its consequences may come: two heartbeat timeouts and more. */
const AFTER_MS = 120_000;
const TO_DEVICE = new Set(['kill', 'stop', 'block', 'reset', 'freeze-up', 'freeze-down', 'half-open', 'latency']);
/** Steps that end in another server taking the writes, or in another run of the same one. */
const TO_DATABASE = /-(database|secondary|majority|primary)$/;

/**
 * 16. A device is declared dead only if something was done to it, or its process ended. What its leader sees after a
 * failover, a free lock and an old heartbeat, is no reason. Remote devices are their gateway's.
 */
export const nobodyDeadByFailover: Rule = ({ events, history, foreign }, wrong) => {
  let dead = 0;
  for (const one of events) {
    if (one.table !== 'device' || one.proc === undefined || foreign.has(one.conn)) continue;
    if (ofGateways(one.device) || !declaredDead(one)) continue;
    dead += 1;
    const recent = history.filter((line) => line.wall <= one.at && line.wall > one.at - AFTER_MS);
    const failed = recent.find((line) => line.type === 'invoke' && TO_DATABASE.test(line.f));
    if (failed === undefined || recent.some((line) => happenedTo(one.device, line))) continue;
    wrong(`${one.proc} declared ${one.device} dead, to whom nothing had happened but ${failed.f}`);
  }
  return { dead };
};

function happenedTo(device: string, { f, proc, victim }: HistoryLine): boolean {
  if (f === 'starved') return true;
  return (victim === device && TO_DEVICE.has(f)) || (proc === device && (f === 'exit' || f === 'ready'));
}

/**
 * On Galera, for so long after one of its nodes was disturbed the processes may use different nodes: the others notice
 * after 5 s, and then the fleet gathers.
 */
const GATHERED_MS = 12_000;
const HANGING_MS = 2000;
/** What is known to have been written when it is answered. */
const ANSWERS = new Set(['enqueue', 'claim', 'complete']);

/**
 * 17. Each change of the server that writes has its step of the storm: a former writer that comes back to write alternates
 * with the new one. On Galera the first change after a disturbance is its own, however long nothing could be written;
 * others come while the fleet gathers.
 */
export const oneWriter: Rule = ({ events, history }, wrong) => {
  const wallsOf = (which: (line: HistoryLine) => boolean) => history.filter(which).map(({ wall }) => wall);
  const galera = history.some((line) => line.f === 'topology' && line.name === 'galera');
  const steps = wallsOf(({ type, f }) => type === 'invoke' && TO_DATABASE.test(f));
  const disturbed = wallsOf(({ f, victim }) => TO_DATABASE.test(f) || victim === 'database' || f === 'topology');
  const answered = wallsOf(({ type, f }) => type === 'ok' && ANSWERS.has(f));
  const asked = wallsOf(({ type, f }) => type === 'invoke' && f === 'enqueue');
  let writer: string | undefined;
  let changes = 0;
  let [since, first] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { conn, at, n } of events) {
    // Which run of which server.
    const [server, of] = conn.split(':');
    if (of === undefined || server === writer) continue;
    const said = `event ${n}: server ${server} wrote after ${writer}`;
    const change = writer !== undefined;
    writer = server;
    if (change) changes += 1;
    if (galera) {
      const last = Math.max(...disturbed.filter((wall) => wall <= at));
      if (last > since) [since, first] = [last, at];
      const from = Math.max(first, endOfHanging(answered, asked, since, at));
      if (change && at - from > GATHERED_MS) wrong(`${said}, ${at - last} ms after the storm had touched one`);
    } else {
      const allowed = steps.filter((wall) => wall <= at).length;
      if (changes > allowed) wrong(`${said}, the change ${changes} after ${allowed} steps`);
    }
  }
  return { changes };
};

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
