// Rows in every table, with hostile texts in every column that can hold one: what no column of COLUMNS says is filled by its type. A new
// column is filled without being named, or the INSERT fails and says which one it was.
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import type { Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import { encodeLines } from '../../src/core/domain/run-log/log-line.ts';

type Value = (text: string, n: number, all: string[]) => unknown;
const json =
  (value: Value): Value =>
  (text, n, all) =>
    JSON.stringify(value(text, n, all));

/** What an attempt has printed: each text, in lines of its own. */
function printed(texts: string[]): string {
  const lines = texts.flatMap((text) => text.split(/\r?\n/));
  return encodeLines(lines.map((text, n) => ({ at: 1_700_000_000_000 + n, source: 'stdout', text })));
}

/** By column, or by table and column: what has a form of its own. */
const COLUMNS: Record<string, Value> = {
  // JSON.
  ...Object.fromEntries(
    ['required_capabilities', 'task_data', 'labels', 'system_info', 'checkpoint.value', 'request.answer'].map(
      (name) => [name, json((text) => ({ [text]: text, list: [text] }))],
    ),
  ),
  'assignment.result': json((text, _, all) => ({ [text]: text, all })),
  'webhookDelivery.body': json((text, _, all) => ({ type: text, data: { all } })),
  capabilities: json((text) => ({ supported_tasks: [text], region: text, [text]: text })),
  over_limits: json((text) => [text]),
  stuck: json((text, n) => [{ task_id: n + 1, task_type: text, attempt: 1 }]),
  metrics: json((text) => ({ [text]: 1 })),
  event_types: json(() => ['task.failed']),
  task_types: json((text) => [text]),
  // Numbers and bytes with a meaning.
  task_id: (_, n) => n + 1,
  batch_id: (_, n) => n + 1,
  webhook_id: (_, n) => n + 1,
  'auditLog.id': (_, n) => n + 1,
  attempt: () => 1,
  active: () => 0,
  'task.status': (_, n) => ['done', 'failed', 'cancelled', 'pending', 'waiting', 'running'][n % 6],
  'assignment.status': (_, n) => ['completed', 'failed', 'cancelled', 'lost', 'released', 'timeout'][n % 6],
  'device.status': (_, n) => ['online', 'busy', 'offline'][n % 3],
  'device.device_type': () => 'worker',
  source_id: () => null,
  from_byte: () => 0,
  to_byte: (_text, _n, all) => Buffer.byteLength(printed(all)),
  line_count: (_text, _n, all) => all.length,
  body: (_text, _n, all) => deflateRawSync(printed(all)),
  // Unique, some of them without case.
  ...Object.fromEntries(
    ['secret.name', 'secretGrant.name', 'user.name', 'cursor.name'].map((name): [string, Value] => [
      name,
      (_, n, all) => `${n}${fitting(all, n, 60, true)}`,
    ]),
  ),
  // Texts that are no free ones.
  'apiKey.key_id': (_, n) => `k${String(n).padStart(7, '0')}`,
  'apiKey.first_key_id': () => null,
  'taskOwner.owner': (_, n) => `key:${String(n).padStart(8, '0')}`,
  'batch.owner': () => null,
  'session.key_id': () => null,
  'secret.key_id': () => '0123456789abcdef',
  'deviceCertificate.fingerprint': (_, n) => String(n).padStart(64, '0'),
  event_type: () => 'task.failed',
  'device.device_id': (text, n, all) => deviceIds(all)[n] ?? text,
  'assignment.device_id': (text, n, all) => deviceIds(all)[n] ?? text,
  outcome: () => 'done',
  object_type: () => 'task',
};

/** Tables with one row that is changed, and the migrations, which no answer shows. */
const ONE_ROW = new Set(['leader', 'auditHead', 'setting', 'migration']);

/** Text columns that hold only what afd itself spells, or are too narrow for each of the texts. */
export const NO_TEXT = new Set([
  ...['apiKey.first_key_id', 'taskOwner.owner', 'batch.owner'],
  ...['apiKey.key_id', 'session.key_id', 'secret.key_id', 'deviceCertificate.fingerprint', 'webhook.event_types'],
  ...['webhookDelivery.event_type', 'auditLog.outcome', 'auditLog.object_type', 'leader.name', 'auditHead.name'],
  ...['setting.name', 'setting.value'],
]);

/** Ids of the devices, one for each text. */
export function deviceIds(texts: string[]): string[] {
  const seen = new Set<string>();
  // Compared without case, and by MySQL without what is not printed.
  const compared = (text: string) => text.toLowerCase().replace(/\p{C}|\p{Z}/gu, '');
  return texts.map((_, n) => {
    const text = fitting(texts, n, 60, false);
    const id = seen.has(compared(text)) ? `${text}${n}` : text;
    seen.add(compared(text));
    return id;
  });
}

/** The text of this number, or the next one that fits. */
export function fitting(texts: string[], n: number, width: number, ascii: boolean): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a column of ASCII holds
  const fits = (text: string) => text.length <= width && (!ascii || /^[\x00-\x7f]*$/.test(text));
  const from = [...texts.slice(n), ...texts.slice(0, n)];
  const found = from.find(fits);
  if (found === undefined) throw new Error(`no text fits into ${width} characters`);
  return found;
}

const MOST_CHARACTERS = 4000;

interface Column {
  name: string;
  type: string;
  charset: string | null;
  width: number | null;
  nullable: 'YES' | 'NO';
  preset: string | null;
  extra: string;
}

/** Fills the tables. Returns the text columns that have the texts now, as `table.column`. */
export async function insertHostileRows(session: Session, names: TableNames, texts: string[]): Promise<string[]> {
  const filled: string[] = [];
  // One COMMIT for some 1500 rows.
  await session.write('START TRANSACTION');
  for (const [table, plain] of Object.entries(names.plain)) {
    if (ONE_ROW.has(table)) continue;
    // Ids too: the addresses name them, and a table that was used before counts on.
    const written = (await columnsOf(session, plain)).filter(
      (one) => !/GENERATED/.test(one.extra.replace('DEFAULT_GENERATED', '')),
    );
    const rows = texts.map((_, n) => written.map((one) => filling(table, one, texts, n)));
    for (const row of rows) {
      const given = written.flatMap((one, at) => (row[at] === undefined ? [] : [{ name: one.name, value: row[at] }]));
      await session.write(
        `INSERT INTO \`${plain}\` (${given.map((one) => `\`${one.name}\``).join(', ')}) VALUES (${given.map(({ value }) => (value instanceof Sql ? value.text : '?')).join(', ')})`,
        given.flatMap(({ value }) => (value instanceof Sql ? [] : [value])),
      );
    }
    filled.push(...written.filter(isText).map((one) => `${table}.${one.name}`));
  }
  const [text = ''] = texts;
  await session.write(
    `UPDATE ${names.leader} SET holder = ?, holder_token = ?, term = 7, acquired_at = UTC_TIMESTAMP(3), renewed_at = UTC_TIMESTAMP(3),
       expires_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR, failing = ?`,
    [
      text,
      randomBytes(16),
      JSON.stringify({
        term: 7,
        duties: texts.map((one) => ({ duty: one, message: one, since: '2026-01-01 00:00:00.000' })),
      }),
    ],
  );
  await session.write(
    `INSERT INTO ${names.setting} (name, value, updated_by) VALUES ('master.max_retry_count', '3', ?)`,
    [text],
  );
  await session.write('COMMIT');
  return [...filled.filter((one) => !NO_TEXT.has(one)), 'leader.holder', 'leader.failing', 'setting.updated_by'];
}

async function columnsOf(session: Session, table: string): Promise<Column[]> {
  return session.rows<Column>(
    `SELECT COLUMN_NAME AS name, DATA_TYPE AS type, CHARACTER_SET_NAME AS charset, CHARACTER_MAXIMUM_LENGTH AS width, IS_NULLABLE AS nullable,
       COLUMN_DEFAULT AS preset, EXTRA AS extra
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`,
    [table],
  );
}

/** Texts and JSON; MariaDB has the latter as text. */
const isText = ({ type }: Column) => /char|text|json/.test(type);

class Sql {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

function filling(
  table: string,
  { name, type, charset, width, nullable, preset }: Column,
  texts: string[],
  n: number,
): unknown {
  const own = COLUMNS[`${table}.${name}`] ?? COLUMNS[name];
  const room = width === null ? MOST_CHARACTERS : Math.min(MOST_CHARACTERS, Number(width));
  const isWord = /char|text|json/.test(type);
  const text = isWord && !NO_TEXT.has(`${table}.${name}`) ? fitting(texts, n, room, charset === 'ascii') : texts[n]!;
  if (own !== undefined) return own(text, n, texts);
  if (isWord) return text;
  if (type === 'datetime') return new Sql(`UTC_TIMESTAMP(3) - INTERVAL ${n + 1} MINUTE`);
  if (/^(binary|varbinary)$/.test(type)) return randomBytes(Math.min(Number(width), 32));
  if (type === 'date') return '2026-01-01';
  const mayLack = nullable === 'YES' || preset !== null;
  if (mayLack) return undefined;
  if (/int/.test(type)) return n + 1;
  if (/blob/.test(type)) return randomBytes(8);
  // The first word of an ENUM.
  return new Sql('1');
}
