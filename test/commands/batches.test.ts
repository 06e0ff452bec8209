// Batches on the command line.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { runCommand } from '../helpers/command.ts';
import { type Given, it } from '../helpers/fixture.ts';

let given: Given;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'afd-batches-'));
});
afterAll(() => rm(dir, { recursive: true }));
it.beforeEach(async ({ given: one }) => {
  given = one;
});

const plain = (line: string) => runCommand(line.split(' '), { cwd: dir, env: { AFD_DATABASE_URL: given.db.url } });
async function afd(line: string) {
  const run = await plain(`${line} --json`);
  return { ...run, json: JSON.parse(run.stdout) };
}
const set = (status: string) => given.session.write(`UPDATE ${given.db.names.task} SET status = ?`, [status]);
const keys = async () =>
  given.session.rows(`SELECT dedupe_key AS k, batch_id FROM ${given.db.names.task} ORDER BY dedupe_key`);

describe('afd tasks add', () => {
  it('makes a batch, or adds to an open one, and says which', async () => {
    const first = await afd('tasks add --type a --batch nightly --open');
    expect(first).toMatchObject({ code: 0, json: { created: true, batch_id: expect.any(Number) } });
    const id = first.json.batch_id;
    expect(await afd(`tasks add --type a --batch-id ${id}`)).toMatchObject({ code: 0, json: { batch_id: id } });
    expect((await afd(`batches seal ${id}`)).json).toMatchObject({ already: false, state: 'sealed' });
    expect(await afd(`tasks add --type a --batch-id ${id}`)).toMatchObject({
      code: 5,
      json: { error: { code: 'E_CONFLICT', message: `Batch ${id} is sealed, so no task can be added to it.` } },
    });
    expect((await afd(`batches show ${id}`)).json.counts.pending).toEqual({ count: 2, exact: true });
    expect((await afd('tasks add --type a')).json.batch_id).toBeNull();
    expect((await plain('tasks add --type a --batch b')).stderr).toContain(`this is batch ${id + 1}.`);
  });
});

describe('afd tasks import --batch', () => {
  const rows = (from: number, to: number) => {
    let text = 'task_type,dedupe_key\n';
    for (let n = from; n < to; n += 1) text += `a,k${String(n).padStart(4, '0')}\n`;
    return text;
  };

  it('adds all of its transactions to one batch, and seals it', async () => {
    await writeFile(join(dir, 'many.csv'), rows(0, 2500));
    const { json } = await afd('tasks import many.csv --batch nightly');
    expect(json).toMatchObject({ added: 2500, complete: true });
    const shown = await afd(`batches show ${json.batch_id}`);
    expect(shown.json).toMatchObject({ state: 'sealed', counts: { pending: { count: 2500 } } });
    expect((await afd('batches ls')).json.batches).toHaveLength(1);
  });

  it('that stops at a bad row leaves it open, and says how to go on in it', async () => {
    await writeFile(join(dir, 'bad.csv'), `${rows(0, 3)}a,\n,k9999\na,k0004\n`);
    const stopped = await afd('tasks import bad.csv --batch nightly');
    expect(stopped).toMatchObject({ code: 2, json: { error: { data: { added: 4 } } } });
    const { data, suggestions } = stopped.json.error;
    expect((await afd(`batches show ${data.batch_id}`)).json.state).toBe('open');
    const on = suggestions.find((one: string) => one.includes('--skip-bad'));
    expect(on).toBe(`afd tasks import bad.csv --batch-id ${data.batch_id} --seal --from-line 6 --skip-bad`);
    expect(await afd(on.replace('afd ', ''))).toMatchObject({ code: 6, json: { added: 1, batch_id: data.batch_id } });
    expect((await afd(`batches show ${data.batch_id}`)).json).toMatchObject({ state: 'sealed' });
    expect(new Set((await keys()).map((one) => one.batch_id))).toEqual(new Set([data.batch_id]));
  });

  it('makes an empty batch of an input without rows, and none in a dry run', async () => {
    await writeFile(join(dir, 'empty.csv'), rows(0, 0));
    expect((await afd('tasks import empty.csv --batch a --dry-run')).json.batch_id).toBeNull();
    const { json } = await afd('tasks import empty.csv --batch a');
    expect((await afd('batches ls')).json.batches).toMatchObject([{ batch_id: json.batch_id, state: 'sealed' }]);
  });

  it('--open leaves it open; --batch-id adds to it, and seals it only with --seal', async () => {
    await writeFile(join(dir, 'some.csv'), rows(0, 2));
    await writeFile(join(dir, 'more.csv'), rows(2, 4));
    const { json } = await afd('tasks import some.csv --batch a --open');
    const shown = async () => (await afd(`batches show ${json.batch_id}`)).json;
    expect((await afd(`tasks import more.csv --batch-id ${json.batch_id}`)).code).toBe(0);
    expect(await shown()).toMatchObject({ state: 'open', counts: { pending: { count: 4 } } });
    await afd(`tasks import more.csv --batch-id ${json.batch_id} --seal`);
    expect(await shown()).toMatchObject({ state: 'sealed', counts: { pending: { count: 4 } } });
    expect((await afd('tasks import more.csv --batch a --batch-id 1')).code).toBe(2);
  });
});

describe('afd batches wait', () => {
  it('ends with 0, 8 or 7, as the tasks of the batch end, without a leader', async () => {
    const { batch_id: id } = (await afd('tasks add --type a --batch b --open')).json;
    const open = await afd(`batches wait ${id} --timeout 50ms`);
    expect(open).toMatchObject({ code: 7, json: { error: { data: { batch: { state: 'open' } } } } });
    expect(open.json.error.message).toContain('it is not sealed');
    await afd(`batches seal ${id}`);
    expect((await afd(`batches wait ${id} --timeout 50ms`)).json.error.message).toContain('1 of its tasks');
    await set('failed');
    const failed = await afd(`batches wait ${id}`);
    expect(failed).toMatchObject({ code: 8, json: { error: { code: 'E_TASK_FAILED' } } });
    expect(failed.json.error.data.batch.counts.failed).toEqual({ count: 1, exact: true });
    await set('done');
    expect(await afd(`batches wait ${id}`)).toMatchObject({ code: 0, json: { batch_id: id } });
    expect(await afd('batches wait 999')).toMatchObject({ code: 3 });
  });
});

it('afd batches ls and show print tables', async () => {
  expect((await plain('batches ls')).stdout).toContain('There are no batches.');
  await plain('tasks add --type a --batch nightly');
  expect((await plain('batches ls')).stdout).toMatch(/BATCH +NAME +STATE[^\n]*\n[^\n]*nightly +sealed/);
  const [{ batch_id: id }] = (await afd('batches ls')).json.batches;
  expect((await plain(`batches show ${id}`)).stdout).toContain('Tasks    1 pending');
  expect((await plain('batches show x')).code).toBe(2);
});
