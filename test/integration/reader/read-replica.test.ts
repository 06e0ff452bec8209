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
let [writer, copy]: Session[] = [];

it.beforeEach(async ({ given, onTestFinished }) => {
  db = given.db;
  writer = given.session;
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
  const [row] = await writer!.rows(`SELECT renewed_at FROM ${db.names.leader} WHERE name = 'leader'`);
  await copy!.write(
    `UPDATE ${replica.names.leader} SET renewed_at = ? - INTERVAL ? SECOND, expires_at = ?, term = 1, holder = 'm' WHERE name = 'leader'`,
    [row!.renewed_at, secondsBehind, row!.renewed_at],
  );
}

async function exported(context: ReturnType<typeof testContext>): Promise<string> {
  let text = '';
  await exportTasks(context, {
    ...{ filter: {}, format: 'jsonl', terminal: false, stop: new AbortController().signal },
    write: async (part) => {
      text += part;
      return true;
    },
    onProgress() {},
  });
  return text;
}

describe('an export', () => {
  it('is read from the replica', async ({ onTestFinished }) => {
    const context = testContext(db, { replica: replica.address });
    onTestFinished(() => context.close());
    let over = false;
    const leads = (async () => {
      while (!over) {
        await insertLeader(writer!, db.names, 'm', 1);
        await inStep(0);
      }
    })();
    const text = await exported(context);
    over = true;
    await leads;
    expect(text).toContain('on_replica');
    expect(context.lines.join('')).not.toContain('are read from');
  });

  it.for([
    ['is late', () => inStep(60), 'behind the writer; database.read_max_delay is 10 s', {}],
    [
      'knows of no leader',
      () => copy!.write(`UPDATE ${replica.names.leader} SET renewed_at = NULL`),
      'has no row of a leader',
      {},
    ],
    ['does not answer', () => {}, 'the replica 127.0.0.1:1/', { host: '127.0.0.1', port: 1, password: 'hidden-here' }],
  ] as const)(
    'is read from the writer when the replica %s, and that is said once, without a password',
    async ([, make, why, elsewhere], { onTestFinished }) => {
      await make();
      const { socketPath: _, ...login } = replica.address;
      const address = 'port' in elsewhere ? { ...login, ...elsewhere } : replica.address;
      const context = testContext(db, { replica: address });
      onTestFinished(() => context.close());
      for (let n = 0; n < 2; n += 1) expect(await exported(context)).toContain('on_writer');
      const said = context.lines.filter((line) => line.includes('are read from the writer'));
      expect(said).toEqual([expect.stringContaining(why)]);
      expect(said[0]).not.toContain('hidden-here');
    },
  );
});

describe('a list of a gateway', () => {
  const types = (json: { tasks: Array<{ task_type: string }> }) => json.tasks.map((one) => one.task_type);

  it('is read from the replica, and says as of when', async () => {
    await inStep(3);
    const gateway = await startGateway(db, { replica: replica.address });
    const { json } = await gateway.call('/api/v1/tasks');
    expect(types(json)).toEqual(['on_replica']);
    expect(Date.parse(json.now) - Date.parse(json.as_of)).toBeGreaterThanOrEqual(3000);
    expect((await gateway.call('/api/v1/batches')).status).toBe(200);
  });

  it('is read from the writer for who has just changed something, for who asks for that, and for one task', async () => {
    const gateway = await startGateway(db, { replica: replica.address });
    const latest = await gateway.call('/api/v1/tasks', undefined, { headers: { 'cache-control': 'no-cache' } });
    expect(types(latest.json)).toEqual(['on_writer']);
    expect(latest.json.as_of).toBe(latest.json.now);
    expect(types((await gateway.call('/api/v1/tasks')).json)).toEqual(['on_replica']);
    expect((await gateway.call('/api/v1/tasks', { tasks: [{ task_type: 'new' }] })).status).toBe(201);
    expect(types((await gateway.call('/api/v1/tasks')).json)).toEqual(['new', 'on_writer']);
    const [row] = await writer!.rows(`SELECT id FROM ${db.names.task} WHERE task_type = 'on_writer'`);
    expect((await gateway.call(`/api/v1/tasks/${row!.id}`)).json.task.task_type).toBe('on_writer');
  });
});
