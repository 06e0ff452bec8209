import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DatabaseError } from '../../../../../src/core/db/database-error.ts';
import type { Finish } from '../../../../../src/core/domain/attempt/reconcile.ts';
import { wireFinish } from '../../../../../src/core/remote/wire.ts';
import { Journal, type Kept, leftJournals } from '../../../../../src/core/worker/journal/journal.ts';
import { decodeRecords, encodeRecord } from '../../../../../src/core/worker/journal/journal-file.ts';
import { KeptEnds } from '../../../../../src/core/worker/journal/kept-ends.ts';
import { until } from '../../../../helpers/wait.ts';

let folder: string;
let warnings: string[];
const warn = (message: string) => void warnings.push(message);
const options = (mostBytes = 1_000_000) => ({ folder, mostBytes, warn });
const device = () => ({ deviceId: 'w1', instanceToken: randomBytes(16) });
const checkpoint = (task_id: number, value = '{}'): Kept => ({
  kind: 'checkpoint',
  checkpoint: { task_id, claim_token: 'a'.repeat(32), value },
});
const finish = (task_id: number): Finish => ({
  ...{ task_id, task_type: 't', attempt: 1, assignment_id: 7, claim_token: Buffer.alloc(16, task_id), age_ms: 5 },
  outcome: { kind: 'done', result: { of: task_id }, enqueue: [] },
});
const file = (at = folder) => join(at, readdirSync(at).find((name) => name.endsWith('.journal'))!);
/** What is in the file; a next process would find it. */
const records = () => decodeRecords(readFileSync(file()));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'afd-journal-'));
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('records of a journal', () => {
  it('are whole up to a torn tail, wherever it is torn', () => {
    const [one, two] = [encodeRecord({ n: 1 }), encodeRecord({ text: '结果 ✓\nline' })];
    const both = Buffer.concat([one, two]);
    expect(decodeRecords(both)).toMatchObject({ records: [{ n: 1 }, { text: '结果 ✓\nline' }], torn: 0 });
    for (let cut = 0; cut < two.length; cut += 1) {
      const found = decodeRecords(both.subarray(0, one.length + cut));
      expect(found, `cut at ${cut}`).toEqual({ records: [{ n: 1 }], length: one.length, torn: cut });
    }
  });

  it('end at a bit that has changed', () => {
    const one = encodeRecord({ n: 1 });
    for (let at = 0; at < one.length; at += 1) {
      const broken = Buffer.concat([one, one]);
      broken[one.length + at]! ^= 1;
      expect(decodeRecords(broken).records.length, `byte ${at}`).toBeLessThanOrEqual(1);
    }
  });
});

describe('a journal', () => {
  it('makes no file before there is something to keep, which only its owner reads, and leaves none when all is delivered', async () => {
    const at = join(folder, 'deep', 'er');
    const journal = new Journal({ ...options(), folder: at }, device());
    await journal.delivered([]);
    expect(readdirSync(folder)).toEqual([]);
    const n = await journal.keep(checkpoint(1));
    expect([statSync(at).mode & 0o777, statSync(file(at)).mode & 0o777]).toEqual([0o700, 0o600]);
    await journal.delivered([n!]);
    await journal.close();
    expect(readdirSync(at)).toEqual([]);
  });

  it('tells the next process what is not delivered, in order; a torn tail is lost with one warning', async () => {
    const own = device();
    const journal = new Journal(options(), own);
    const first = await journal.keep(checkpoint(1));
    for (const n of [2, 3]) await journal.keep(checkpoint(n));
    await journal.delivered([first!]);
    await journal.keep(checkpoint(4));
    await journal.close();
    for (const other of ['w', 'w1.x']) expect(await leftJournals(options(), other)).toEqual([]);
    const left = (...found: Kept[]) => [
      { device_id: 'w1', instance_token: own.instanceToken.toString('hex'), kept: found },
    ];
    expect(await leftJournals(options(), 'w1')).toMatchObject(left(checkpoint(2), checkpoint(3), checkpoint(4)));
    expect(warnings).toEqual([]);
    truncateSync(file(), readFileSync(file()).length - 5);
    for (let n = 0; n < 2; n += 1)
      expect(await leftJournals(options(), 'w1')).toMatchObject(left(checkpoint(2), checkpoint(3)));
    expect(warnings).toEqual([expect.stringMatching(/^the last \d+ bytes of the journal .* are cut off$/)]);
  });

  it('passes over files that are none of its own', async () => {
    writeFileSync(join(folder, 'w1.notes.journal'), 'hello');
    writeFileSync(join(folder, 'w1.00000000.journal'), 'rubbish');
    expect(await leftJournals(options(), 'w1')).toEqual([]);
    expect(readdirSync(folder)).toEqual(['w1.notes.journal']);
  });

  it('is bounded: what goes beyond is not kept, which is said once', async () => {
    const journal = new Journal(options(2000), device());
    const kept = [];
    for (let n = 1; n <= 50; n += 1) kept.push(await journal.keep(checkpoint(n, 'x'.repeat(100))));
    expect(kept.filter((n) => n !== undefined).length).toBeGreaterThan(3);
    expect(kept.at(-1)).toBeUndefined();
    expect(readFileSync(file()).length).toBeLessThanOrEqual(2000);
    expect(warnings).toEqual([expect.stringContaining('worker.journal_bytes')]);
    await journal.close();
  });
});

describe('a journal on a disk with faults', () => {
  /** Files of which calls of these names fail. */
  function faulty(...names: string[]) {
    const failing = new Set(names);
    const opened = (async (...args: Parameters<typeof open>) => {
      const opened = await open(...args);
      return new Proxy(opened, {
        get(target, name: Exclude<keyof typeof opened, symbol>) {
          const value = target[name];
          if (failing.has(name)) return () => Promise.reject(Object.assign(new Error(`EIO: ${name}`), { code: 'EIO' }));
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    }) as typeof open;
    return { opened, cure: () => failing.clear(), fail: (name: string) => failing.add(name) };
  }

  it.each(['write', 'datasync'])(
    'says so once, keeps the others, and says when it is well again (%s)',
    async (name) => {
      const { opened, cure, fail } = faulty();
      const notes: string[] = [];
      const journal = new Journal({ ...options(), note: (one) => void notes.push(one) }, device(), opened);
      await journal.keep(checkpoint(1));
      fail(name);
      const lost = [journal.keep(checkpoint(2)), journal.keep(checkpoint(3))];
      expect(await Promise.all(lost)).toEqual([undefined, undefined]);
      expect(journal.canKeep()).toBe(false);
      expect(warnings).toEqual([expect.stringContaining(`in its memory only: EIO: ${name}`)]);
      cure();
      await journal.keep(checkpoint(5));
      expect(journal.canKeep()).toBe(true);
      expect(notes).toEqual([expect.stringMatching(/^the journal .* can be written again$/)]);
      await journal.close();
      expect((await leftJournals(options(), 'w1'))[0]!.kept).toMatchObject([checkpoint(1), checkpoint(5)]);
      expect(warnings).toHaveLength(1);
    },
  );

  it('names its owner although its first write has failed: a next process delivers what it has', async () => {
    const { opened, cure } = faulty('write');
    const own = device();
    const journal = new Journal(options(), own, opened);
    expect(await journal.keep(checkpoint(1))).toBeUndefined();
    cure();
    await journal.keep(checkpoint(2));
    await journal.close();
    const instance_token = own.instanceToken.toString('hex');
    expect(await leftJournals(options(), 'w1')).toMatchObject([{ instance_token, kept: [checkpoint(2)] }]);
  });

  it('keeps ends in memory, and writes them when it can again', async () => {
    const { opened, cure } = faulty('write');
    const journal = new Journal(options(), device(), opened);
    const ends = new KeptEnds(journal);
    const noGateway = () => Promise.reject(new DatabaseError('E_DATABASE', 'no gateway', { retry: 'connection' }));
    const refused = () => ends.during([finish(1)], noGateway).catch(() => {});
    ends.add(finish(1));
    await refused();
    ends.add(finish(2));
    await until(() => warnings.length === 1);
    cure();
    // Another end finds out that the file can be written; those before it follow.
    ends.add(finish(3));
    await until(() => journal.canKeep());
    await refused();
    await until(() => (records().records as Kept[]).filter((one) => one.kind === 'end').length === 3);
    ends.delivered([1, 2, 3].map((id) => ({ kind: 'committed', finish: finish(id), task_status: 'done' })));
    await until(() => records().records.length === 0);
    await journal.close();
    expect(warnings).toHaveLength(1);
  });
});

it('nothing is lost that is kept while everything before is being cleared', async () => {
  const journal = new Journal(options(), device());
  for (let n = 1; n <= 50; n += 1) {
    const kept = await journal.keep(checkpoint(n, `{"n":${n}}`));
    const [, next] = await Promise.all([journal.delivered([kept!]), journal.keep(checkpoint(1000 + n))]);
    expect(records()).toMatchObject({ torn: 0, records: [{ kind: 'process' }, { n: next }] });
    await journal.delivered([next!]);
  }
  await journal.close();
});

describe('ends on their way', () => {
  const ends = () => (records().records as Kept[]).filter((one) => one.kind === 'end');

  it('are kept only while no gateway answers, those before it and those that follow; what is refused is put aside', async () => {
    const journal = new Journal(options(), device());
    const kept = new KeptEnds(journal);
    kept.add(finish(1));
    await kept.during([finish(1)], async () => 'answer');
    expect(readdirSync(folder)).toEqual([]);
    kept.away();
    kept.add(finish(2));
    await until(() => readdirSync(folder).length > 0 && ends().length === 2);
    expect(ends()).toMatchObject([{ end: wireFinish(finish(1)) }, { end: wireFinish(finish(2)) }]);
    kept.delivered([
      { kind: 'committed', finish: finish(1), task_status: 'done' },
      { kind: 'lost', finish: finish(2), reason: 'it was taken' },
    ]);
    await until(() => ends().length === 0);
    const refused = readFileSync(join(folder, 'w1.refused'), 'utf8');
    expect(JSON.parse(refused)).toMatchObject({ task_id: 2, reason: 'it was taken', outcome: { result: { of: 2 } } });
    await journal.close();
  });

  it('are kept when the answer takes long', async () => {
    const journal = new Journal(options(), device());
    const kept = new KeptEnds(journal);
    kept.add(finish(1));
    let answer = () => {};
    const asked = kept.during([finish(1)], () => new Promise<void>((resolve) => (answer = resolve)));
    await until(() => readdirSync(folder).length > 0 && ends().length === 1);
    answer();
    await asked;
    await journal.close();
  });
});
