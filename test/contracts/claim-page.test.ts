// docs/explain/claim.md shows the statements of the hot transaction as a server gets them, in the order of statements.ts.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { taskColumns } from '../../src/core/db/claim/claimed-task.ts';
import * as statements from '../../src/core/db/claim/statements.ts';
import { ANY_WIDTHS } from '../../src/core/db/claim/text-widths.ts';
import { tableNames } from '../../src/core/db/table-names.ts';
import type { AttemptEnd } from '../../src/core/domain/attempt/reconcile.ts';

const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
const lane = Buffer.alloc(16);
const token = Buffer.alloc(16, 0xab);
const cursor = { due_at: '2026-01-01 00:00:00.000', id: 7 };
const source = { kind: 'lane' as const, lane, claim_rank: 5, cursor, frontier: true };
const owner = { device_id: 'w1', instance_token: token, claim_token: token };
const task = { id: 1, attempt: 0, retry: 0, lease_s: 330 } as never;
const end = {
  finish: { task_id: 1, claim_token: token, age_ms: 12 },
  record: { assignment_id: 70 },
  assignment_status: 'failed',
  task_status: 'pending',
  due_in_s: 30,
  error_message: 'why',
} as AttemptEnd;
const recorded = end as statements.RecordedEnd;
const inline = { task_id: 1, attempt: 1, claim_token: token, assignment_status: 'completed', age_ms: 12 };
const record = { ...inline, retry_at_claim: 0, claimed_at: cursor.due_at, deadline_at: cursor.due_at };
const ended = { finish: inline, record, assignment_status: 'completed', result: '{}' };
const ending = { ...owner, widths: ANY_WIDTHS, now: cursor.due_at };

/** Each statement with values as they may be. */
const SENT: Record<string, statements.Statement> = {
  RETURN_TICKET: statements.RETURN_TICKET,
  takeTicket: statements.takeTicket(names, source, 0),
  BEGIN: statements.BEGIN,
  READ_NOW: statements.READ_NOW,
  lockFinishedTasks: statements.lockFinishedTasks(names, [1]),
  lockFinishedAttempts: statements.lockFinishedAttempts(names, [70]),
  readPermission: statements.readPermission(names, 'w1'),
  readFrontier: statements.readFrontier(names, source, cursor),
  lockDue: statements.lockDue(names, source, 100),
  lockDirected: statements.lockDirected(names, { device_id: 'w1' }, 5),
  lockNamed: statements.lockNamed(names, [1], 5),
  countDue: statements.countDue(names, [source], [100]),
  findAttempts: statements.findAttempts(names, [1], [token]),
  completeTasks: statements.completeTasks(names, [end]),
  completeAttempts: statements.completeAttempts(names, [recorded]),
  endTask: statements.endTask(names, end, ANY_WIDTHS),
  endAttempt: statements.endAttempt(names, recorded, ANY_WIDTHS),
  insertEndedAttempts: statements.insertEndedAttempts(names, ending, [ended as never]),
  clearInlineClaim: statements.clearInlineClaim(names, 1, token),
  materializeAttempts: statements.materializeAttempts(names, [1], { status: 'lost', cause: 'foreign' }),
  claimLockedTasksDeferred: statements.claimLockedTasksDeferred(names, owner, [task]),
  claimLockedTasks: statements.claimLockedTasks(names, owner, [task]),
  insertAttempts: statements.insertAttempts(names, owner, [task]),
  readAttemptIds: statements.readAttemptIds(names, [1], token),
  COMMIT: statements.COMMIT,
};

/** Without what says nothing: spaces, quotes of names, the columns of a task, the names of the locks, tokens. */
const plain = (sql: string) =>
  sql
    .replace(taskColumns('t', 't.attempt'), 't.id, …, t.claimed_by')
    .replaceAll('`', '')
    .replace(/CONCAT\('afd:', CRC32\(DATABASE\(\)\), ':[0-9a-f]+(:\d)'\)/g, "'…$1'")
    .replace(/X'[0-9a-f]+'/g, "X'…'")
    .replace(/\s+/g, ' ')
    .replace(/\( /g, '(')
    .replace(/ \)/g, ')')
    .trim();

it('names every statement of the transaction, in the order of the file', () => {
  const text = readFileSync(new URL('../../src/core/db/claim/statements.ts', import.meta.url), 'utf8');
  const declared = [...text.matchAll(/^export (?:function (\w+)\(|const (\w+): Statement)/gm)].map((m) => m[1] ?? m[2]);
  expect(Object.keys(SENT)).toEqual(declared);
});

it('docs/explain/claim.md quotes each as it is sent', () => {
  const page = readFileSync(new URL('../../docs/explain/claim.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map((m) => m[1]!).join('\n');
  const quoted = [...blocks.matchAll(/^-- (\w+)[^\n]*\n([^;]*);/gm)].map((m) => [m[1], plain(m[2]!)]);
  expect(quoted).toEqual(Object.entries(SENT).map(([name, { sql }]) => [name, plain(sql)]));
});
