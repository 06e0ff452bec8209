import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, test } from 'vitest';
import { BIN } from '../../helpers/command.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { insertLeader } from '../../helpers/factories.ts';
import { useLivenessThreads } from '../../helpers/liveness-here.ts';
import { GATEWAY, SERVICES } from '../../helpers/services.ts';
import { stress } from '../../helpers/stress.ts';
import { until } from '../../helpers/wait.ts';

let db: TestDatabase;
let gateway: ChildProcess;
beforeAll(useLivenessThreads);
beforeAll(async () => {
  db = await testDatabase();
  // A process of its own: what it holds open is not the service's.
  gateway = spawn(process.execPath, [BIN, 'gateway', '--port', '0'], {
    env: { PATH: process.env.PATH, AFD_DATABASE_URL: db.url, AFD_LOG_FORMAT: 'json' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  gateway.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  GATEWAY.url = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0], 60_000, 'the address of the gateway');
}, 60_000);
beforeEach(async () => {
  const session = await db.session();
  await insertLeader(session, db.names, 'leader', 1);
});
afterAll(async () => {
  gateway.kill('SIGTERM');
  await once(gateway, 'exit');
  await db.close();
});

test.each(Object.entries(SERVICES))(
  '%s starts and stops in any order and at any moment, and leaves nothing',
  (_name, make) => stress(() => make(db)),
  60_000,
);
