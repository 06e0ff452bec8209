import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const read = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');

describe('compose.yaml', () => {
  it('offers the server that its page names, on the loopback interface', () => {
    const { mysql } = parse(read('compose.yaml')).services;
    const { MYSQL_USER, MYSQL_PASSWORD, MYSQL_DATABASE } = mysql.environment;
    const port = /^127\.0\.0\.1:(\d+):3306$/.exec(mysql.ports[0])?.[1];
    const url = `mysql://${MYSQL_USER}:${MYSQL_PASSWORD}@127.0.0.1:${port}/${MYSQL_DATABASE}`;
    expect(read('docs/guide/private-server.md')).toContain(`AFD_DATABASE_URL=${url}\n`);
  });
});
