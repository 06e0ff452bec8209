// RC1: the --json of every command as a file of test/golden/json: keys, types, what may be null or absent. Scripts rely on
// it: keys are only added within a major version. A change is a reviewed diff:
//   npx vitest -u run test/commands/json-shapes.test.ts
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, expect } from 'vitest';
import { writeLog } from '../../src/core/db/logs/write-log.ts';
import { writeSecret } from '../../src/core/db/secrets/write-secret.ts';
import type { Session } from '../../src/core/db/session.ts';
import { encodeLines } from '../../src/core/domain/run-log/log-line.ts';
import { seal } from '../../src/core/secrets/envelope.ts';
import { newKey, parseKeys } from '../../src/core/secrets/fleet-key.ts';
import { runCommand } from '../helpers/command.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertAttempt, insertDevice, insertLeader, insertTask } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { either, type Shape, shapeOf } from '../helpers/json-shape.ts';

const GOLDEN = fileURLToPath(new URL('../golden/json/', import.meta.url));

let db: TestDatabase;
let session: Session;
let dir: string;
let ids: Record<string, number>;
const key = newKey();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'afd-shapes-'));
  await writeFile(
    join(dir, 'work.mjs'),
    'export default async ({ task_data }) => { if (task_data.bad) throw new Error("bad"); };\n',
  );
  const later = 'export default async () => { throw { outcome: "later", after: 60, message: "not now" }; };\n';
  await writeFile(join(dir, 'later.mjs'), later);
  const tasks = [{ task_type: 'work', task_data: { a: 1 }, priority: 7 }];
  await writeFile(
    join(dir, 'enqueuing.mjs'),
    `export default async () => ({ result: { n: 1 }, enqueue: ${JSON.stringify(tasks)} });\n`,
  );
  const handlers = {
    work: { module: './work.mjs' },
    enqueuing: { module: './enqueuing.mjs' },
    later: { module: './later.mjs' },
    short: { exec: ['sleep', '60'], timeout: '100ms' },
  };
  const secrets = { key_file: 'fleet.key' };
  await writeFile(join(dir, 'fleet.key'), `${key.line}\n`, { mode: 0o600 });
  await writeFile(join(dir, 'afd.yaml'), JSON.stringify({ handlers, secrets, log: { level: 'silent' } }));
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(join(dir, 'audit.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await writeFile(join(dir, 'password.txt'), 'correct horse battery\n');
  await writeFile(join(dir, 'tasks.csv'), 'task_type,priority\nimported,5\nimported,99\n');
});
afterAll(() => rm(dir, { recursive: true }));
// Each command meets the same small fleet: what one of them changes is no other's.
it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  ids = await prepared();
});

const run = (line: string) => {
  const words = line.replace(/[A-Z]{4,}/g, (name) => String(ids[name])).split(' ');
  return runCommand([...words, '--json'], { cwd: dir, env: { AFD_DATABASE_URL: db.url } });
};

/** The shape that holds for all of these command lines; each must print one JSON value. */
async function shapeOfRuns(...lines: string[]): Promise<Shape> {
  const shapes: Shape[] = [];
  for (const line of lines) shapes.push(shapeOf(JSON.parse((await run(line)).stdout)));
  return shapes.reduce(either);
}

const FILE = '--password-file password.txt';

/** `TASK` and so on stand for what was prepared; a line after `first` is run before, and its shape does not count. */
const RUNS: Array<[command: string, ...lines: string[]]> = [
  ['status', 'status'],
  ['run', 'run work', 'run work --data {"bad":1}', 'run enqueuing', 'run later', 'run short'],
  ['bench', 'bench --tasks 40 --workers 1'],
  ['leader status', 'leader status'],
  ['devices ls', 'devices ls'],
  ['devices show', 'devices show worker-001', 'devices show bare'],
  ['devices register', 'devices register --device-id by-hand', 'devices register --device-id by-hand'],
  ['devices pause', 'devices pause bare worker-001'],
  ['devices resume', 'devices resume bare worker-001'],
  ['devices drain', 'devices drain bare', 'devices drain bare --wait'],
  ['devices rm', 'devices rm bare'],
  ['devices ca', 'devices ca own'],
  ['devices invite', 'devices invite worker-001'],
  ['devices certificates ls', 'devices certificates ls'],
  [
    'devices certificates revoke',
    'devices certificates revoke --device worker-001',
    `devices certificates revoke ${'c'.repeat(64)}`,
  ],
  ['tasks add', 'tasks add --type a --dedupe-key k', 'tasks add --type a --dedupe-key k --batch b'],
  ['tasks import', 'tasks import tasks.csv --skip-bad --batch b', 'tasks import tasks.csv --dry-run --skip-bad'],
  ['tasks ls', 'tasks ls'],
  ['tasks export', 'tasks export --output tasks.jsonl'],
  ['tasks show', 'tasks show RUNNING', 'tasks show PLAIN', 'tasks show DONE'],
  ['tasks wait', 'tasks wait DONE'],
  ['batches ls', 'batches ls'],
  ['batches show', 'batches show BATCH', 'batches show OPEN'],
  ['batches seal', 'batches seal OPEN', 'batches seal BATCH'],
  ['batches wait', 'batches wait BATCH'],
  ['logs', 'logs RUNNING', 'logs DONE', 'logs --device worker-001', 'logs --failed --since 9000d'],
  [
    'tasks reassign',
    ...['first devices register --device-id by-hand', 'tasks reassign PLAIN --to by-hand --force'],
    ...['tasks reassign RUNNING', 'tasks reassign PLAIN'],
  ],
  ['tasks cancel', 'tasks cancel RUNNING', 'tasks cancel PLAIN'],
  ['tasks retry', 'first tasks cancel PLAIN', 'tasks retry PLAIN'],
  ['tasks retry --status', 'tasks retry --status failed --dry-run', 'tasks retry --status failed'],
  ['leader resign', 'leader resign', 'leader resign'],
  ['leader --once', 'first leader resign', 'leader --once'],
  ['worker --once', 'worker --once --device-id w', 'worker --drain --device-id w'],
  ['start --once', 'start --mode worker --once --device-id w'],
  ['migrate status', 'migrate status'],
  ['migrate', 'migrate', 'migrate --check', 'migrate --dry-run'],
  ['migrate up', 'migrate up'],
  ['migrate down', 'migrate down --dry-run --force'],
  ['config show', 'config show'],
  ['config apply', 'config apply --dry-run'],
  ['keys create', 'keys create a --role viewer', 'keys create a --role device --device w'],
  ['keys ls', 'keys ls'],
  ['keys rotate', 'keys rotate aaaaaaaa'],
  ['keys revoke', 'keys revoke aaaaaaaa', 'keys revoke bbbbbbbb'],
  ['users add', `users add alice --role admin ${FILE}`],
  ['users ls', `first users add alice --role admin ${FILE}`, 'first users disable alice', 'users ls'],
  ['users password', `first users add alice --role admin ${FILE}`, `users password alice ${FILE}`],
  ['users role', `first users add alice --role admin ${FILE}`, 'users role alice --role viewer'],
  ['users disable', `first users add alice --role admin ${FILE}`, 'users disable alice'],
  ['users enable', `first users add alice --role admin ${FILE}`, 'users enable alice'],
  ['users rm', `first users add alice --role admin ${FILE}`, 'users rm alice'],
  ['secrets key', 'secrets key made.key', 'secrets key made.key --add'],
  ['secrets ls', 'secrets ls'],
  ['secrets grant', 'secrets grant shop/42 --task-type work', 'secrets grant shop/42 --task-type work --revoke'],
  ['secrets rotate', 'secrets rotate', 'first secrets key fleet.key --add', 'secrets rotate'],
  ['secrets rm', 'secrets rm shop/42'],
  ['audit ls', 'first keys create a --role viewer', 'audit ls', 'audit ls --limit 1', 'audit ls --object task'],
  ['audit verify', 'audit verify', 'first keys create a --role viewer', 'audit verify'],
  ['audit checkpoint', 'first keys create a --role viewer', 'audit checkpoint --key audit.key'],
  ['audit export', 'audit export --output audit.jsonl'],
];

it.each(RUNS)('RC1 afd %s --json has the keys and types that were last reviewed', async (command, ...lines) => {
  const first = lines.filter((line) => line.startsWith('first ')).map((line) => line.replace('first ', ''));
  for (const line of first) expect((await run(line)).code, line).toBe(0);
  const shape = await shapeOfRuns(...lines.filter((line) => !line.startsWith('first ')));
  const file = join(GOLDEN, `${command.replaceAll(/ -*/g, '-')}.json`);
  await expect(`${JSON.stringify(shape, null, 2)}\n`).toMatchFileSnapshot(file);
});

it('RC1 an error has one shape, whatever the command', async () => {
  const shape = await shapeOfRuns(
    'tasks show 999999',
    'tasks ls --status none',
    'devices show nobody',
    'leader --onec',
  );
  expect(shape).toEqual({
    error: { code: 'string', data: expect.anything(), message: 'string', suggestions: ['string'] },
  });
});

/** A small fleet with something of everything. */
async function prepared(): Promise<Record<string, number>> {
  const columns = {
    labels: '{"rack":"1"}',
    region: 'eu',
    capabilities: '{"supported_tasks":["work"]}',
    version: '1',
  };
  const worker = await insertDevice(session, db.names, { device_id: 'worker-001', columns });
  await insertDevice(session, db.names, { device_id: 'bare', columns: { status: 'offline', last_heartbeat: null } });
  await session.write(
    `INSERT INTO ${db.names.heartbeat} (device_id, cpu_usage, memory_usage, active_tasks) VALUES ('worker-001', 1, 2, 0)`,
  );
  await session.write(
    `UPDATE ${db.names.device} SET success_rate = 0.9, avg_duration_ms = 1200, capabilities = '{"supported_tasks":["sync_data"]}'
       WHERE device_id = 'worker-001'`,
  );
  const held = { status: 'online', over_limits: '["memory"]' };
  await insertDevice(session, db.names, { device_id: 'held', columns: held });
  await insertLeader(session, db.names, 'worker-001', 3);
  await session.write(
    `INSERT INTO ${db.names.apiKey} (key_id, key_hash, name, role, device_id, created_at, created_by, expires_at, last_used_at, revoked_at)
     VALUES ('aaaaaaaa', 'x', 'one', 'device', 'w', UTC_TIMESTAMP(3), 'test', UTC_TIMESTAMP(3) + INTERVAL 1 DAY, UTC_TIMESTAMP(3), NULL),
            ('bbbbbbbb', 'y', 'two', 'admin', NULL, UTC_TIMESTAMP(3), 'test', UTC_TIMESTAMP(3) + INTERVAL 1 DAY, NULL, UTC_TIMESTAMP(3))`,
  );
  await session.write(
    `INSERT INTO ${db.names.deviceCertificate} (fingerprint, device_id, issued_at, issued_by, expires_at, revoked_at, revoked_by)
     VALUES ('a', 'worker-001', UTC_TIMESTAMP(3), 'test', UTC_TIMESTAMP(3) + INTERVAL 1 DAY, NULL, NULL),
            ('b', NULL, NULL, NULL, NULL, UTC_TIMESTAMP(3), 'test')`,
  );
  const whole = {
    ...{ username: 'u', app_id: 'a', start_date: '2024-01-01', end_date: '2024-01-01', task_data: '{"n":1}' },
    ...{ required_capabilities: '{"gpu":true}', dedupe_key: 'whole', concurrency_key: 'c', execution_timeout: 60 },
    ...{ estimated_duration: 5, parent_id: 1, batch_id: 7, last_error: 'e', finished_at: '2026-01-01' },
  };
  const running = await insertAttempt(session, db.names, { device: worker });
  const lines = encodeLines([
    { at: 1_800_000_000_000, source: 'stdout', text: 'out' },
    { at: 1_800_000_000_000, source: 'warn', text: 'log' },
  ]);
  const written = { task_id: running.task_id, attempt: 1, device_id: 'worker-001', line_count: 2 };
  await writeLog(session, db.names, [
    { ...written, from_byte: 0, to_byte: 10, body: deflateRawSync(lines) },
    { ...written, from_byte: 90, to_byte: 99, body: Buffer.from('not compressed') },
  ]);
  const done = await insertTask(session, db.names, { ...whole, status: 'done', attempt: 1 });
  await insertAttempt(session, db.names, {
    device: worker,
    task_id: done,
    columns: {
      ...{ status: 'failed', completed_at: '2026-01-01', error_message: 'e', error_class: 'E', cause: 'c' },
      ...{ revoked_at: '2026-01-01', revoke_outcome: 'released', result: '{}' },
    },
  });
  await session.write(
    `INSERT INTO ${db.names.progress} (task_id, attempt, device_id, done, total, message, metrics, peak_memory, cpu_ms,
       begun_done, begun_at, updated_at)
     VALUES (?, 1, 'worker-001', 5, 10, 'm', '{"rows":1}', 1, 1, 0, UTC_TIMESTAMP(3) - INTERVAL 1 MINUTE, UTC_TIMESTAMP(3)),
            (?, 1, 'worker-001', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, UTC_TIMESTAMP(3))`,
    [running.task_id, done],
  );
  const identity = { name: 'shop/42', version: 1 };
  const [own] = parseKeys(key.line);
  await writeSecret(session, db.names, { ...identity, ...seal(own!, identity, 'a value') }, 'test');
  await session.write(`INSERT INTO ${db.names.secretGrant} VALUES ('shop/42', 'a', '*', UTC_TIMESTAMP(3), 'test')`);
  await insertTask(session, db.names, { status: 'failed', attempt: 1 });
  await insertTask(session, db.names, { task_type: 'work' });
  await insertTask(session, db.names, { task_type: 'work', task_data: '{"bad":1}', max_retry_count: 0 });
  const batch = (ended: string) =>
    session.write(
      `INSERT INTO ${db.names.batch} (name, created_at, created_by, sealed_at, ended_at)
     VALUES ('b', UTC_TIMESTAMP(3), 'test', ${ended}, ${ended})`,
    );
  const { insertId: BATCH } = await batch('UTC_TIMESTAMP(3)');
  const { insertId: OPEN } = await batch('NULL');
  return { BATCH, OPEN, RUNNING: running.task_id, PLAIN: await insertTask(session, db.names), DONE: done };
}
