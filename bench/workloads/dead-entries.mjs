// What the dead entries of afd_claim cost a claim. A fleet claims and finishes n tasks while a snapshot is held open, so that
// none of their entries can be purged; then the statements of a claim are timed one by one, as the client sees them, each
// in a transaction that is rolled back. The same was done before, in a table without dead entries.
import { median } from '../median.mjs';
import { holdSnapshot } from '../peers/afd-fill.mjs';
import { range } from '../peers/payload.mjs';
import { now } from '../tally-server.mjs';
import { emptyQueue } from './drain.mjs';

/** Tasks that are due behind the dead entries: a read that finds nothing else ends there. */
const LIVE = 1000;
const CLAIM = 50;
const TIMES = 15;
const RANK = 5;
/** No task has this lane, and every lane comes after it. */
const EMPTY = { kind: 'lane', lane: Buffer.alloc(16), claim_rank: RANK, cursor: undefined };
const BEFORE_ALL = { due_at: '1970-01-01 00:00:00.000', id: 1 };

export async function deadEntries(peer, { workers, slots, n }) {
  const { store } = peer;
  const addLive = () => peer.addBulk(range(LIVE, LIVE)[0]);
  await peer.reset();
  await addLive();
  const without = await timed(store, BEFORE_ALL);
  await peer.reset();
  const release = await holdSnapshot(store);
  try {
    await emptyQueue(peer, { workers, slots, n, fresh: false, preloaded: true });
    const [last] = await store.query(
      `SELECT CAST(due_at AS CHAR) AS due_at, id FROM ${store.names.task} ORDER BY id DESC LIMIT 1`,
    );
    await addLive();
    const behind = await timed(store, last);
    return Object.entries(behind).map(([what, ms]) => ({
      what,
      n,
      p50_ms: round(ms),
      p50_ms_without: round(without[what]),
      ms_per_100000_dead: round((Math.max(0, ms - without[what]) * 100_000) / n),
    }));
  } finally {
    await release();
  }
}

/** Median milliseconds of each statement. They take turns: whatever else the machine does meets all alike. */
async function timed(store, cursor) {
  const session = await store.openSession();
  try {
    const [{ lane }] = await session.rows(`SELECT lane FROM ${store.names.task} LIMIT 1`);
    const questions = await statements(store.names, { kind: 'lane', lane, claim_rank: RANK, cursor });
    const spent = Object.fromEntries(questions.map(({ what }) => [what, []]));
    for (let turn = 0; turn <= TIMES; turn += 1) {
      for (const { what, statement, found, expected } of questions) {
        await session.write('START TRANSACTION');
        const from = now();
        const rows = await session.rows(statement.sql, statement.values);
        const ms = (now() - from) / 1000;
        await session.write('ROLLBACK');
        if (found(rows) !== expected) throw new Error(`${what}: ${found(rows)} tasks found, not ${expected}`);
        // The first turn brings the pages into memory.
        if (turn > 0) spent[what].push(ms);
      }
    }
    return Object.fromEntries(Object.entries(spent).map(([what, list]) => [what, median(list)]));
  } finally {
    await session.close();
  }
}

/** The product's own statements, from the build. */
async function statements(names, source) {
  const { dueStatement } = await dist('core/db/lanes/due-work.js');
  const { countDue, lockDue } = await dist('core/db/claim/statements.js');
  const locking = (from, expected) => ({
    statement: lockDue(names, from, CLAIM),
    found: (rows) => rows.length,
    expected,
  });
  return [
    { what: `claim ${CLAIM} from behind a cursor`, ...locking(source, CLAIM) },
    { what: `claim ${CLAIM} without a cursor`, ...locking({ ...source, cursor: undefined }, CLAIM) },
    { what: 'an empty lane before them: locking read', ...locking(EMPTY, 0) },
    {
      what: 'an empty lane before them: count',
      statement: countDue(names, [EMPTY], [CLAIM]),
      found: (rows) => rows.length,
      expected: 0,
    },
    {
      what: 'an empty lane before them: poll',
      statement: dueStatement(names, undefined, [EMPTY]),
      found: (rows) => rows.length,
      expected: 0,
    },
  ];
}

function round(value) {
  return Number(value.toFixed(3));
}

function dist(file) {
  return import(new URL(`../../dist/${file}`, import.meta.url).href);
}
