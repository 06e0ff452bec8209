// Each example of docs/reference/http.md, sent to a gateway over rows that it may meet.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { readProjectFile } from '../../contracts/project-files.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { insertDevice, insertTask } from '../../helpers/factories.ts';
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

/** What an example needs beyond the rows that all have. */
const NEEDS: Record<string, () => Promise<unknown>> = {};

/** worker-001, which runs nothing, and task 12345, which waits. */
async function begin(): Promise<void> {
  const { assignment, task, device, setting, taskEnd, log, progress, checkpoint } = db.names;
  for (const table of [assignment, task, setting, taskEnd, log, progress, checkpoint])
    await session.write(`DELETE FROM ${table}`);
  await session.write(`DELETE FROM ${device} WHERE device_type <> 'gateway'`);
  const capabilities = JSON.stringify({ supported_tasks: ['sync_data'], max_concurrent: 5 });
  await insertDevice(session, db.names, { device_id: 'worker-001', columns: { capabilities, instance_token: TOKEN } });
  await insertTask(session, db.names, { id: 12345 });
}

async function send({ method, path, headers, body, type }: HttpExample) {
  const stop = new AbortController();
  const init = { method, headers, signal: stop.signal, ...(body === undefined ? {} : { body }) };
  const response = await fetch(gateway.url + path, init);
  const answered = { status: response.status, type: response.headers.get('content-type')?.split(';')[0] };
  if (response.ok && type === 'text/event-stream') {
    const { value } = await response.body!.getReader().read();
    stop.abort();
    return { ...answered, text: new TextDecoder().decode(value) };
  }
  return { ...answered, text: await response.text() };
}

describe('the examples of docs/reference/http.md', () => {
  it('are there', () => {
    expect(examples.length).toBeGreaterThan(4);
    expect(Object.keys(NEEDS).filter((id) => !examples.some((one) => one.id === id))).toEqual([]);
  });

  it.each(examples)('$id: $method $path', async (example) => {
    await begin();
    await NEEDS[example.id]?.();
    const { status, type, text } = await send(example);
    expect({ status, type }, text).toEqual({ status: example.status, type: example.type });
    if (example.type === undefined) expect(text).toBe('');
    else if (example.type.endsWith('json')) expect(unlike(JSON.parse(text), JSON.parse(example.answer!))).toEqual([]);
    else if (example.type === 'text/event-stream') expect(text).toMatch(/^(retry: \d+\n)?(id: \S+\n)?event: \w/);
    else expect(text).toContain(example.answer!.slice(0, 15));
  });

  it('would fail for an answer of another shape', () => {
    expect(unlike({ a: 1, b: [{ c: 'x' }], task_data: { z: 1 } }, { a: 2, b: [{ c: null }], task_data: {} })).toEqual(
      [],
    );
    expect(unlike({ a: '1', b: [{ c: 1 }, { d: 1 }], e: 1 }, { a: 2, b: [{ c: 1 }] })).toEqual([
      '.a is string, not number',
      '.b[1].d is not in the example',
      '.e is not in the example',
    ]);
  });
});
