import { expect, it } from 'vitest';
import type { Session } from '../../../../../src/core/db/session.ts';
import { tableNames } from '../../../../../src/core/db/table-names.ts';
import { SecretMask } from '../../../../../src/core/domain/redaction/secret-mask.ts';
import { Events } from '../../../../../src/core/runtime/events.ts';
import { RunLogs } from '../../../../../src/core/worker/log/run-logs.ts';
import { DatabaseLogs } from '../../../../../src/core/worker/port/database-logs.ts';
import { until } from '../../../../helpers/wait.ts';

const MB = 1_048_576;

it('holds a bounded amount of memory while nothing can be written, and says once why', async () => {
  const events = new Events();
  const warnings: string[] = [];
  events.on('warning', ({ message }) => warnings.push(message));
  let tries = 0;
  const openSession = async (): Promise<Session> => {
    tries += 1;
    throw new Error('the table is gone');
  };
  const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
  const logs = new RunLogs({ port: new DatabaseLogs(openSession, names), events });
  void logs.start();
  const block = Buffer.alloc(MB, 'x\n');
  const open = (task_id: number, bytes: number) => {
    const log = logs.open({
      task_id,
      attempt: 1,
      device_id: 'd',
      bytes,
      mask: () => new SecretMask([]),
      onFailure: false,
    });
    log.add('stdout', block.subarray(0, bytes), 0);
    return log;
  };
  for (let n = 0; n < 100; n += 1) open(n, MB).end(false);
  for (let n = 0; n < 10_000; n += 1) open(1000 + n, 100).end(false);
  const running = open(100_000, MB);
  await until(() => tries > 1);
  expect(logs.waiting).toBeLessThanOrEqual(64 * MB);
  // What still runs keeps its beginning.
  expect(running.waiting).toBeGreaterThanOrEqual(MB / 4);
  expect(warnings).toEqual([expect.stringMatching(/^run logs cannot be written.*: the table is gone$/)]);
  await logs.stop();
});
