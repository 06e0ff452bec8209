// Lists and exports from a replica. A second schema of the test's server stands in for it: what it has in its tables tells where something was
// read. (How far it is behind is what its row of the leader says, as of a real one.)
import { describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { exportTasks } from '../../../src/core/export/export-tasks.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { insertLeader, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { testContext } from '../../helpers/node.ts';

let db: TestDatabase;
let replica: TestDatabase;
let writer: Session;
let copy: Session;

it.beforeEach(async ({ given, onTestFinished }) => {
  ({ db, session: writer } = given);
  replica = await testDatabase('replica');
  copy = await replica.session();
  await insertLeader(writer, db.names, 'm', 1);
  await inStep(0);
  await insertTask(writer, db.names, { task_type: 'on_writer' });
  await insertTask(copy, replica.names, { task_type: 'on_replica' });
  onTestFinished(async () => {
    await stopGateways();
    await replica.close();
  });
});

/** The replica has what was written until this many seconds ago. */
async function inStep(secondsBehind: number) {
  const [row] = await writer.rows(`SELECT renewed_at FROM ${db.names.leader} WHERE name = 'leader'`);
  await copy.write(
    `UPDATE ${replica.names.leader} SET renewed_at = ? - INTERVAL ? SECOND, expires_at = ?, term = 1, holder = 'm' WHERE name = 'leader'`,
    [row!.renewed_at, secondsBehind, row!.renewed_at],
  );
}

/** Two exports with one context, and what it said of where they are read. */
async function exports(address = replica.address) {
  const context = testContext(db, { replica: address });
  let text = '';
  for (let n = 0; n < 2; n += 1) {
    await exportTasks(context, {
      ...{ filter: {}, format: 'jsonl', terminal: false, stop: new AbortController().signal },
      write: async (part) => {
        text += part;
        return true;
      },
      onProgress() {},
    });
  }
  await context.close();
  return {
    types: text.match(/on_(writer|replica)/g),
    said: context.lines.filter((line) => line.includes('are read from')),
  };
}

describe('an export', () => {
  it('is read from the replica', async () => {
    // It stays in step, however long the machine takes.
    let over = false;
    const leads = (async () => {
      while (!over) {
        await insertLeader(writer, db.names, 'm', 1);
        await inStep(0);
      }
    })();
    const exported = await exports();
    over = true;
    await leads;
    expect(exported).toEqual({ types: ['on_replica', 'on_replica'], said: [] });
  });

  it.for([
    ['is late', () => inStep(60), 'behind the writer; database.read_max_delay is 10 s'],
    [
      'knows of no leader',
      () => copy.write(`UPDATE ${replica.names.leader} SET renewed_at = NULL`),
      'has no row of a leader',
    ],
    ['does not answer', undefined, 'the replica 127.0.0.1:1/'],
  ] as const)(
    'is read from the writer when the replica %s, and that is said once, without a password',
    async ([, make, why]) => {
      await make?.();
      const { socketPath: _, ...login } = replica.address;
      const nobody = { ...login, host: '127.0.0.1', port: 1, password: 'hidden-here' };
      const { types, said } = await exports(make === undefined ? nobody : replica.address);
      expect(types).toEqual(['on_writer', 'on_writer']);
      expect(said).toEqual([expect.stringContaining(why)]);
      expect(said[0]).not.toContain('hidden-here');
    },
  );
});

describe('a list of a gateway', () => {
  it('is read from the replica, and says as of when', async () => {
    await inStep(3);
    const gateway = await startGateway(db, { replica: replica.address });
    const { json } = await gateway.call('/api/v1/tasks');
    expect(json.tasks).toMatchObject([{ task_type: 'on_replica' }]);
    expect(Date.parse(json.now) - Date.parse(json.as_of)).toBeGreaterThanOrEqual(3000);
  });

  it('is read from the writer for who has just changed something, for who asks for that, and for one task', async () => {
    const gateway = await startGateway(db, { replica: replica.address });
    const list = async (headers = {}) => (await gateway.call('/api/v1/tasks', undefined, { headers })).json;
    const latest = await list({ 'cache-control': 'no-cache' });
    expect(latest.tasks).toMatchObject([{ task_type: 'on_writer' }]);
    expect(latest.as_of).toBe(latest.now);
    expect((await list()).tasks).toMatchObject([{ task_type: 'on_replica' }]);
    await gateway.call('/api/v1/tasks', { tasks: [{ task_type: 'new' }] });
    expect((await list()).tasks).toMatchObject([{ task_type: 'new' }, { task_type: 'on_writer' }]);
    const { json } = await gateway.call(`/api/v1/tasks/${latest.tasks[0].task_id}`);
    expect(json.task.task_type).toBe('on_writer');
  });
});
