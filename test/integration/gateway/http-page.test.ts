// Each example of docs/reference/http.md, sent to a gateway over rows that it may meet.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Session } from '../../../src/core/db/session.ts';
import type { OperationContract } from '../../../src/http/operations/operation.ts';
import { OPERATIONS } from '../../../src/http/operations/operations.ts';
import { readProjectFile } from '../../contracts/project-files.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { insertAttempt, insertTask } from '../../helpers/factories.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { examplesOf, type HttpExample, unlike } from '../../helpers/http-examples.ts';

const examples = examplesOf(readProjectFile('docs/reference/http.md') ?? '');
/** Of `token` in src/http/values.ts. */
const TOKEN = Buffer.from('0b1c2d3e4f5061728394a5b6c7d8e9f0', 'hex');

let db: TestDatabase;
let session: Session;
let gateway: TestGateway;

beforeAll(async () => {
  db = await testDatabase();
  session = await db.session();
  gateway = await startGateway(db, { limits: { perMinute: 100_000 } as object });
});
afterAll(async () => {
  await stopGateways();
  await db?.close();
});

/** 12345 was claimed by worker-001, and ended so. */
async function ended(status: string, columns: object = {}): Promise<void> {
  const { assignment_id } = await holds();
  const done = status === 'completed' ? 'done' : 'failed';
  await session.write(`UPDATE ${db.names.task} SET status = ?, claim_token = NULL WHERE id = 12345`, [done]);
  const set = Object.entries({ status, ...columns });
  await session.write(
    `UPDATE ${db.names.assignment} SET ${set.map(([name]) => `${name} = ?`).join(', ')}, completed_at = UTC_TIMESTAMP(3) WHERE id = ?`,
    [...set.map(([, value]) => value), assignment_id],
  );
}

/** A device that speaks the calls of the design document alone. */
async function plain(): Promise<void> {
  await session.write(`DELETE FROM ${db.names.device} WHERE device_id = 'worker-001'`);
  await gateway.call('/api/v1/devices/register', {
    ...{ device_id: 'worker-001', capabilities: { supported_tasks: ['sync_data'] } },
  });
}

/** It runs 12345. */
async function plainHolds(): Promise<void> {
  await plain();
  await holds();
}

/** worker-001 runs 12345. */
async function holds() {
  await session.write(`DELETE FROM ${db.names.task} WHERE id = 12345`);
  const [row] = await session.rows(`SELECT instance_token FROM ${db.names.device} WHERE device_id = 'worker-001'`);
  const device = { device_id: 'worker-001', instance_token: row?.instance_token, lock_name: '' };
  return insertAttempt(session, db.names, { device, task: { id: 12345 }, columns: {} });
}

/** What an example needs beyond the rows that all have; perhaps another body. */
const NEEDS: Record<string, (example: HttpExample) => Promise<unknown>> = {
  taskResult: () => ended('completed', { result: '{"records_processed":1500}' }),
  waitForTask: () => ended('completed'),
  retryTask: () => ended('failed'),
  nextTask: plain,
  putResult: plainHolds,
  putResults: plainHolds,
  actOnTasks: async ({ body }) => {
    const { json } = await gateway.call('/api/v1/tasks/preview', { act: 'cancel', filter: { status: ['pending'] } });
    return JSON.stringify({ ...JSON.parse(body ?? ''), token: json.token, act: 'cancel', filter: undefined });
  },
  addUser: () => session.write(`DELETE FROM ${db.names.user}`),
  registerDevice: () => session.write(`DELETE FROM ${db.names.device} WHERE device_id = 'worker-001'`),
  removeDevice: () => session.write(`UPDATE ${db.names.device} SET status = 'offline' WHERE device_id = 'worker-001'`),
};

/** A row that was written by hand. */
const insert = (table: string, columns: Record<string, unknown>) =>
  session.write(
    `INSERT INTO ${table} SET ${Object.keys(columns).map((name) => `${name} = ?`)}`,
    Object.values(columns),
  );
const MADE = { created_at: '2026-01-01', created_by: 'test' };

/** worker-001, which runs nothing, task 12345, which waits, batch 5, which is open, webhook 3, a key, and a user. */
async function begin(): Promise<void> {
  const { device, webhook, webhookDelivery, apiKey, user, batch, ...others } = db.names;
  const { assignment, task, setting, taskEnd, log, progress, checkpoint } = others;
  const all = [assignment, task, setting, taskEnd, log, progress, checkpoint, webhook, webhookDelivery];
  for (const table of [...all, apiKey, user, batch]) await session.write(`DELETE FROM ${table}`);
  await session.write(`DELETE FROM ${device} WHERE device_type <> 'gateway'`);
  const registered = await gateway.call('/api/v1/devices/register', {
    ...{ device_id: 'worker-001', remote: true, instance_token: TOKEN.toString('hex') },
    capabilities: { supported_tasks: ['sync_data'], max_concurrent: 5 },
  });
  expect(registered).toMatchObject({ status: 200 });
  await insertTask(session, db.names, { id: 12345 });
  await insert(batch, { id: 5, name: 'nightly', ...MADE });
  await insert(webhook, {
    ...{ id: 3, url: 'https://hooks.example.com/afd', event_types: '["task.failed"]', secret: 'whsec_x' },
    ...{ active_since: '2026-01-01', ...MADE },
  });
  await insert(webhookDelivery, {
    ...{ id: 17, webhook_id: 3, source: 'attempt', source_id: 1, event_type: 'task.failed', task_id: 12345 },
    ...{ body: '{}', status: 'delivered', created_at: '2026-01-01' },
  });
  const ofKey = { key_hash: 'x', name: 'page', role: 'viewer', expires_at: '2037-01-01' };
  await insert(apiKey, { key_id: 'k3Jd92Qa', ...ofKey, ...MADE });
  await insert(user, { name: 'alice', role: 'operator', ...MADE });
}

async function send({ method, path, headers, body }: HttpExample) {
  const stop = new AbortController();
  const init = { method, headers, signal: stop.signal, ...(body === undefined ? {} : { body }) };
  const response = await fetch(gateway.url + path, init);
  const type = response.headers.get('content-type')?.split(';')[0];
  if (type !== 'text/event-stream') return { status: response.status, type, text: await response.text() };
  const { value } = await response.body!.getReader().read();
  stop.abort();
  return { status: response.status, type, text: new TextDecoder().decode(value) };
}

/** Of a gateway with an authority, over TLS: device-certificates.test.ts. With server.auth: people.test.ts, openid.test.ts, users.test.ts. */
const ELSEWHERE = new Set([
  ...['enrollDevice', 'renewCertificate', 'signIn', 'signInWithOpenId', 'finishOpenId'],
  ...['changeOwnPassword', 'listSessions', 'endSession'],
]);

describe('the examples of docs/reference/http.md', () => {
  it('are there, one for each operation', () => {
    expect(examples.map((one) => one.id).sort()).toEqual(Object.keys(OPERATIONS).sort());
    expect(Object.keys(NEEDS).filter((id) => !(id in OPERATIONS))).toEqual([]);
  });

  it.each(examples.filter((one) => !ELSEWHERE.has(one.id)))('$id: $method $path', async (example) => {
    await begin();
    const body = (await NEEDS[example.id]?.(example)) ?? example.body;
    const { status, type, text } = await send(typeof body === 'string' ? { ...example, body } : example);
    const shown = example.answers.find((one) => one.status === status && one.type === type);
    expect(shown, `${status} ${type}: ${text}`).toBeDefined();
    expect(status).toBeLessThan(300);
    const { answer } = (OPERATIONS as Record<string, OperationContract>)[example.id]!;
    if (type === undefined) expect(text).toBe('');
    else if (type === 'application/json') {
      expect(answer?.safeParse(JSON.parse(text)).error).toBeUndefined();
      const isLoose = answer instanceof z.ZodObject && answer.def.catchall !== undefined;
      if (!isLoose) expect(unlike(JSON.parse(text), JSON.parse(shown!.text!))).toEqual([]);
    } else if (type === 'text/event-stream') expect(text).toMatch(/^(retry: \d+\n)?(id: \S+\n)?event: \w/);
    else expect(text).toContain(shown!.text!.slice(0, 12));
  });
});
