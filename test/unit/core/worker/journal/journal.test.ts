import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
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

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'afd-journal-'));
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('records of a journal', () => {
  it('are read as they were written, also with texts of other languages', () => {
    const records = [{ a: 1 }, { text: '结果 ✓\nline' }, {}];
    expect(decodeRecords(Buffer.concat(records.map(encodeRecord)))).toMatchObject({ records, torn: 0 });
  });

  it('are whole up to a torn tail, wherever it is torn', () => {
    const [one, two] = [encodeRecord({ n: 1 }), encodeRecord({ n: 2, text: 'something longer' })];
    for (let cut = 0; cut < two.length; cut += 1) {
      const found = decodeRecords(Buffer.concat([one, two.subarray(0, cut)]));
      expect(found, `cut at ${cut}`).toEqual({ records: [{ n: 1 }], length: one.length, torn: cut });
    }
  });

  it('end at a bit that has changed', () => {
    const bytes = Buffer.concat([encodeRecord({ n: 1 }), encodeRecord({ n: 2 })]);
    const length = encodeRecord({ n: 1 }).length;
    for (let at = length; at < bytes.length; at += 1) {
      const broken = Buffer.from(bytes);
      broken[at] = broken[at]! ^ 1;
      expect(decodeRecords(broken).records.length, `byte ${at}`).toBeLessThanOrEqual(1);
    }
  });
});

describe('a journal', () => {
  it('makes no file before there is something to keep, and leaves none when all is delivered', async () => {
    const journal = new Journal(options(), device());
    await journal.delivered([]);
    expect(readdirSync(folder)).toEqual([]);
    const n = await journal.keep(checkpoint(1));
    expect(readdirSync(folder)).toHaveLength(1);
    await journal.delivered([n!]);
    await journal.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('tells the next process what is not delivered, in order', async () => {
    const own = device();
    const journal = new Journal(options(), own);
    const [first] = [
      await journal.keep(checkpoint(1)),
      await journal.keep(checkpoint(2)),
      await journal.keep(checkpoint(3)),
    ];
    await journal.delivered([first!]);
    await journal.close();
    const [left, ...others] = await leftJournals(options(), 'w1');
    expect(others).toEqual([]);
    expect(left).toMatchObject({ device_id: 'w1', instance_token: own.instanceToken.toString('hex') });
    expect(left!.kept).toMatchObject([checkpoint(2), checkpoint(3)]);
    expect(await leftJournals(options(), 'w')).toEqual([]);
    expect(await leftJournals(options(), 'w1.x')).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('loses a torn tail with one warning, and keeps what is before it', async () => {
    const journal = new Journal(options(), device());
    await journal.keep(checkpoint(1));
    await journal.keep(checkpoint(2));
    await journal.close();
    const [name] = readdirSync(folder);
    const path = join(folder, name!);
    truncateSync(path, readFileSync(path).length - 5);
    const [left] = await leftJournals(options(), 'w1');
    expect(left!.kept).toMatchObject([checkpoint(1)]);
    expect(warnings).toEqual([
      expect.stringMatching(/^the last \d+ bytes of the journal .* were not whole, and are cut off$/),
    ]);
    await leftJournals(options(), 'w1');
    expect(warnings).toHaveLength(1);
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
    expect(readFileSync(join(folder, readdirSync(folder)[0]!)).length).toBeLessThanOrEqual(2000);
    expect(warnings).toEqual([expect.stringContaining('worker.journal_bytes')]);
    await journal.close();
  });

  it('that cannot be written says so once, and its worker goes on', async () => {
    writeFileSync(join(folder, 'file'), '');
    const journal = new Journal({ ...options(), folder: join(folder, 'file') }, device());
    expect(await journal.keep(checkpoint(1))).toBeUndefined();
    expect(await journal.keep(checkpoint(2))).toBeUndefined();
    await journal.close();
    expect(warnings).toEqual([expect.stringContaining('in its memory only')]);
  });

  it('is read by others than its owner by no means', async () => {
    const journal = new Journal({ ...options(), folder: join(folder, 'deep', 'er') }, device());
    await journal.keep(checkpoint(1));
    const { statSync } = await import('node:fs');
    const at = join(folder, 'deep', 'er');
    expect(statSync(at).mode & 0o777).toBe(0o700);
    expect(statSync(join(at, readdirSync(at)[0]!)).mode & 0o777).toBe(0o600);
    await journal.close();
  });
});

describe('a journal on a disk with faults', () => {
  /** Files of which the next calls of these names fail. */
  function faulty(...names: Array<'write' | 'datasync' | 'truncate'>) {
    const failing = new Set<string>(names);
    const opened = (async (...args: Parameters<typeof open>) => {
      const file = await open(...args);
      return new Proxy(file, {
        get(target, name: keyof typeof file) {
          if (failing.has(String(name)))
            return async () => {
              throw Object.assign(new Error(`EIO: ${String(name)}`), { code: 'EIO' });
            };
          const value = target[name];
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    }) as typeof open;
    return { opened, cure: () => failing.clear(), fail: (name: string) => failing.add(name) };
  }

  it.each(['write', 'datasync'] as const)(
    'says so once, keeps the others, and says when it is well again (%s)',
    async (name) => {
      const { opened, cure, fail } = faulty();
      const notes: string[] = [];
      const own = device();
      const journal = new Journal({ ...options(), note: (one) => void notes.push(one) }, own, opened);
      await journal.keep(checkpoint(1));
      expect(journal.canKeep()).toBe(true);
      fail(name);
      const lost = [journal.keep(checkpoint(2)), journal.keep(checkpoint(3))];
      expect(await Promise.all(lost)).toEqual([undefined, undefined]);
      expect(await journal.keep(checkpoint(4))).toBeUndefined();
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
    expect(await leftJournals(options(), 'w1')).toMatchObject([
      { instance_token: own.instanceToken.toString('hex'), kept: [checkpoint(2)] },
    ]);
  });

  it('loses nothing that is kept while everything before is being cleared', async () => {
    const journal = new Journal(options(), device());
    for (let n = 1; n <= 50; n += 1) {
      const kept = await journal.keep(checkpoint(n, `{"n":${n}}`));
      const [, next] = await Promise.all([journal.delivered([kept!]), journal.keep(checkpoint(1000 + n))]);
      const path = join(folder, readdirSync(folder)[0]!);
      const { records, torn } = decodeRecords(readFileSync(path));
      expect(torn).toBe(0);
      expect(records.at(-1)).toMatchObject({ n: next });
      expect(records[0]).toMatchObject({ kind: 'process' });
      await journal.delivered([next!]);
    }
    await journal.close();
  });

  it('keeps ends in memory, and writes them when it can again', async () => {
    const { opened, cure } = faulty('write');
    const journal = new Journal(options(), device(), opened);
    const ends = new KeptEnds(journal);
    const exchange = () => {
      throw new DatabaseError('E_DATABASE', 'no gateway', { retry: 'connection' });
    };
    const refusedFor = async () => ends.during([finish(1)], async () => exchange()).catch(() => {});
    ends.add(finish(1));
    await refusedFor();
    ends.add(finish(2));
    await until(() => warnings.length === 1);
    cure();
    // Another end finds out that the file can be written; those before it follow.
    ends.add(finish(3));
    await until(() => journal.canKeep());
    await refusedFor();
    const left = () => decodeRecords(readFileSync(join(folder, readdirSync(folder)[0]!))).records as Kept[];
    await until(() => left().filter((one) => one.kind === 'end').length === 3);
    ends.delivered([1, 2, 3].map((id) => ({ kind: 'committed', finish: finish(id), task_status: 'done' })));
    await until(() => left().length === 0);
    await journal.close();
    expect(warnings).toHaveLength(1);
  });
});

describe('ends on their way', () => {
  /** What a next process would find; the file is left as it is. */
  const left = async () => {
    const records = readdirSync(folder)
      .filter((one) => one.endsWith('.journal'))
      .flatMap((one) => decodeRecords(readFileSync(join(folder, one))).records) as Array<Kept & { kind: string }>;
    return records.filter((one) => one.kind === 'end');
  };

  it('are kept only while no gateway answers: those before it, and those that follow', async () => {
    const journal = new Journal(options(), device());
    const ends = new KeptEnds(journal);
    ends.add(finish(1));
    await ends.during([finish(1)], async () => 'answer');
    expect(readdirSync(folder)).toEqual([]);
    ends.away();
    ends.add(finish(2));
    await until(async () => (await left()).length === 2);
    expect(await left()).toMatchObject([{ end: wireFinish(finish(1)) }, { end: wireFinish(finish(2)) }]);
    ends.delivered([
      { kind: 'committed', finish: finish(1), task_status: 'done' },
      { kind: 'lost', finish: finish(2), reason: 'it was taken' },
    ]);
    await until(async () => (await left()).length === 0);
    const refused = readFileSync(join(folder, 'w1.refused'), 'utf8');
    expect(JSON.parse(refused)).toMatchObject({ task_id: 2, reason: 'it was taken', outcome: { result: { of: 2 } } });
    await journal.close();
  });

  it('are kept when the answer takes long', async () => {
    const journal = new Journal(options(), device());
    const ends = new KeptEnds(journal);
    ends.add(finish(1));
    let answer!: () => void;
    const asked = ends.during(
      [finish(1)],
      () =>
        new Promise<void>((resolve) => {
          answer = resolve;
        }),
    );
    await until(async () => (await left()).length === 1);
    answer();
    await asked;
    await journal.close();
  });

  it('of which one is torn off leave the others', async () => {
    const journal = new Journal(options(), device());
    const ends = new KeptEnds(journal);
    ends.away();
    ends.add(finish(1));
    await until(async () => (await left()).length === 1);
    await journal.close();
    appendFileSync(join(folder, readdirSync(folder)[0]!), '00000040 12345678 {"kind":"end"');
    expect((await leftJournals(options(), 'w1'))[0]!.kept).toHaveLength(1);
  });
});
