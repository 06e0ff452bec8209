// A batch that ends too early, too late or twice.
import { caught, core, type Mutant, test } from './mutant.ts';

const ender = (name: string) => test('db', 'test/integration/batches/batch-ender.test.ts', name);
const rows = (name: string) => test('db', 'test/db/batches/add-and-seal.test.ts', name);

export const OF_BATCHES: Mutant[] = [
  caught(
    'batch-ends-open',
    'a batch ends although a task of it was retried since it was read',
    core('batches/batch-ender.ts', 'openTasks(counts.get(id)!) === 0', 'counts.has(id)'),
    ender('is open again by the time at which that would be written'),
  ),
  caught(
    'batch-ended-by-a-former-leader',
    'a leader whose term is over ends batches',
    core('batches/batch-ender.ts', 'this.#duty.fenced(', 'this.#duty.run('),
    ender('does not end by a leader whose term is over'),
  ),
  caught(
    'batches-behind-never-reached',
    'each round reads the same batches, and those behind them never end',
    core('batches/batch-ender.ts', 'after: this.#after,', 'after: undefined,'),
    ender('is reached in turn'),
  ),
  caught(
    'batch-sealed-beside-an-addition',
    'a batch is sealed while a transaction adds to it',
    core('db/batches/write-batch.ts', ' LOCK IN SHARE MODE', ''),
    rows('while who seals it waits for the end of the transaction'),
  ),
  caught(
    'batch-ends-twice',
    'a batch that has ended ends once more',
    core('db/batches/write-batch.ts', ' AND ended_at IS NULL', ''),
    rows('is written once, and never before it is sealed'),
  ),
];
