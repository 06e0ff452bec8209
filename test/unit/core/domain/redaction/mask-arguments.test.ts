import { expect, it } from 'vitest';
import { maskArguments } from '../../../../../src/core/domain/redaction/mask-arguments.ts';

it.each([
  ['prog, --token=x, a', 'prog, --token=***, a'],
  ['prog, --db-password, x, a', 'prog, --db-password, ***, a'],
  ['prog, -H, Authorization: Bearer x', 'prog, -H, Authorization:***'],
  ['env, API_KEY=x, prog', 'env, API_KEY=***, prog'],
  ['mysqldump, -px, -P, 3306', 'mysqldump, -p***, -P, 3306'],
  ['/usr/bin/mariadb, -p, schema', '/usr/bin/mariadb, -p, schema'],
  ['server, -p8080', 'server, -p8080'],
  ['curl, --user, a:b, https://h/', 'curl, --user, ***, https://h/'],
  ['python3, main.py, --all, tokens.json', 'python3, main.py, --all, tokens.json'],
  ['prog, --password', 'prog, --password'],
])('finding S9: %s is shown as %s', (argv, shown) => {
  expect(maskArguments(argv.split(', '))).toEqual(shown.split(', '));
});
