// Killed anywhere, started by many at once, or kept waiting by others: the next run goes on.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { schemaState } from '../../../src/core/context/schema-state.ts';
import { migrateDown } from '../../../src/core/db/migrate/migrator.ts';
import { type OldDatabase, oldDatabase, T1, T1_ROWS } from '../../db/migrations/old-table.ts';

const DIST = new URL('../../../dist/core/db/migrate/migrator.js', import.meta.url).href;

let db: OldDatabase;
afterEach(() => db.drop());

/** A process that migrates, and kills itself before (or after) its nth statement; prints how many it sent. */
function migrator(kill: { nth: number; when: 'before' | 'after' } | undefined, down = false): ChildProcess {
  const call = down
    ? `migrateDown(address, names, { force: true, onStatement })`
    : `migrateUp(address, names, { zone: '+00:00', onStatement })`;
  const code = `
    const { migrateUp, migrateDown } = await import(${JSON.stringify(DIST)});
    const address = ${JSON.stringify(db.address)}, names = ${JSON.stringify(db.names)}, kill = ${JSON.stringify(kill ?? null)};
    let n = 0;
    const onStatement = (sql, when) => {
      if (when === 'before') n += 1;
      if (kill !== null && kill.nth === n && kill.when === when) process.kill(process.pid, 'SIGKILL');
    };
    const { statements } = await ${call};
    process.stdout.write(String(statements.length));`;
  return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function end(child: ChildProcess): Promise<{ code: number | null; signal: string | null; sent: number }> {
  let out = '';
  child.stdout?.on('data', (text) => {
    out += String(text);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, sent: Number(out) };
}

const shape = async () => [
  (await db.admin.rows('SHOW TABLES')).length,
  (await db.admin.rows('SHOW CREATE TABLE af_crawl_tasks'))[0]?.['Create Table'],
  await db.admin.rows('SELECT name FROM af_leader'),
];
const missing = async () => {
  const state = await schemaState(await db.session(), db.names);
  return [...state.pending, ...state.missing].length;
};

describe('a migration', () => {
  it('that is killed at any statement is completed by the next run', { timeout: 300_000 }, async () => {
    db = await oldDatabase([T1, T1_ROWS]);
    const rows = async () => JSON.parse(await db.digest())[0].n as number;
    const before = await rows();
    const planned = (await db.migrate()).length;
    const whole = await shape();
    expect(planned).toBeGreaterThan(9);
    // Killed after one is killed before the next, unless the record of a migration comes between: at the end.
    for (let nth = 1; nth <= planned + 1; nth += 1) {
      await db.drop();
      db = await oldDatabase([T1, T1_ROWS]);
      const kill = nth > planned ? ({ nth: planned, when: 'after' } as const) : ({ nth, when: 'before' } as const);
      expect(await end(migrator(kill))).toMatchObject({ signal: 'SIGKILL' });
      // What is missing is known, whatever is recorded.
      expect((await missing()) > 0 || nth > planned).toBe(true);
      await db.migrate();
      expect(await shape()).toEqual(whole);
      expect([await missing(), await rows()]).toEqual([0, before]);
    }
  });

  it('that is taken back and killed at any statement is taken back whole by the next run', {
    timeout: 400_000,
  }, async () => {
    db = await oldDatabase([T1, T1_ROWS]);
    for (let nth = 1; ; nth += 1) {
      await db.migrate();
      const before = await db.digest();
      const ended = await end(migrator({ nth, when: nth % 2 === 0 ? 'after' : 'before' }, true));
      if (ended.signal === null) {
        // It had no statement left to be killed at.
        expect([ended.code, ended.sent, nth > 8]).toEqual([0, nth - 1, true]);
        break;
      }
      await migrateDown(db.address, db.names, { force: true });
      expect(await db.admin.rows('SHOW TABLES')).toHaveLength(1);
      expect(await db.digest()).toBe(before);
    }
  });

  it('started by ten processes at once is done by one of them, and all succeed', async () => {
    db = await oldDatabase([T1, T1_ROWS]);
    const before = await db.digest();
    const ends = await Promise.all(Array.from({ length: 10 }, () => end(migrator(undefined))));
    expect(ends.map(({ code }) => code)).toEqual(new Array(10).fill(0));
    expect(ends.filter(({ sent }) => sent > 0)).toHaveLength(1);
    expect(await db.digest()).toBe(before);
  });

  it('waits for a transaction that holds the table, lets others through between two tries, and in the end gives up', {
    timeout: 60_000,
  }, async () => {
    db = await oldDatabase([T1, T1_ROWS]);
    const holder = await db.session();
    await holder.write('START TRANSACTION');
    await holder.rows('SELECT * FROM af_crawl_tasks LIMIT 1');
    await expect(db.migrate({ lockWaitS: 1 })).rejects.toMatchObject({
      ...{ code: 'E_TEMPORARY', exitCode: 75 },
      message: expect.stringContaining('run the command again to continue'),
    });
    let done: Promise<string[]> = Promise.resolve([]);
    const said = await new Promise<string>((onWait) => {
      done = db.migrate({ onWait });
    });
    expect(said).toMatch(/^Another transaction has held a lock on the table/);
    const other = await db.session({ deadlineMs: 2000 });
    await other.write("INSERT INTO af_crawl_tasks (task_type, username) VALUES ('a', 'through')");
    await holder.write('COMMIT');
    expect((await done).some((sql) => sql.includes('MODIFY COLUMN'))).toBe(true);
  });
});
