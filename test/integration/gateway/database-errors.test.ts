// Errors of the database behind a gateway: a client hears what it can do, and the log has the whole text.
import { afterEach, describe, expect } from 'vitest';
import type { Gateway } from '../../../src/core/gateway/gateway.ts';
import type { App } from '../../../src/gateway/app.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';

afterEach(stopGateways);

/** One that asks for what is in its query. */
const routes = (app: App, { requests }: Gateway) => {
  app.get('/sql', (request) =>
    requests.use(async (context) => (await context.session()).rows((request.query as { text: string }).text)),
  );
};

describe('an HTTP client', () => {
  const signal = (state: string, errno: number) =>
    `SIGNAL SQLSTATE '${state}' SET MYSQL_ERRNO = ${errno}, MESSAGE_TEXT = 'secret_column'`;
  it.for([
    ['SELECT secret_column FROM af_no_such_table', 503, 'E_SCHEMA', 'do not match this version'],
    ['SELEC 1 AS secret_column', 500, 'E_FAILED', 'The database refused a statement.'],
    [signal('40001', 1213), 503, 'E_TEMPORARY', 'in a moment'],
    [signal('22001', 1406), 500, 'E_FAILED', 'too long'],
    [signal('HY000', 1290), 503, 'E_DATABASE', 'reached'],
  ] as const)(
    'is told no address, account, SQL or schema of a failed statement (%s)',
    async ([text, status, code, says], { given }) => {
      const { db } = given;
      const gateway = await startGateway(db, { routes });
      const answer = await gateway.call(`/sql?text=${encodeURIComponent(text)}`);
      expect([answer.status, answer.json.code]).toEqual([status, code]);
      expect(answer.json.detail).toContain(says);
      const { host = 'localhost', port, user, database } = db.address;
      const body = JSON.stringify({ ...answer.json, title: '' });
      for (const secret of [text, 'secret_column', 'no_such_table', `${host}:${port}`, `'${user}'`, database])
        expect(body).not.toContain(secret);
      const line = gateway.lines.find((one) => one.includes(answer.json.request_id));
      expect(line).toMatch(/secret_column|no_such_table/);
    },
  );
});
