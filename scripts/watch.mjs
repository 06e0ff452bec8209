// `npm run test:watch`: runs tests again when a file changes, on a private server that stays for the next time.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';
import { VITEST } from './run-tests.mjs';
import { refuseUnknownOptions } from './vitest-options.mjs';

const USAGE = `Usage: npm run test:watch [-- files and options of vitest | --stop]

  npm run test:watch -- test/db/claim   the tests of one folder or file, again whenever something they import changes
  npm run test:watch -- --stop          stop the server that earlier runs have left, and delete it

The server is in .afd/watch.`;

const given = process.argv.slice(2);
if (given.some((word) => word === '--help' || word === '-h')) {
  console.log(USAGE);
  process.exit(0);
}
const stop = given.includes('--stop');
await bootstrap();
if (!stop) refuseUnknownOptions(given, USAGE);
const { resetServer, startServer } = await import('../dist/core/server/embedded-server.js');
const { hostFrom } = await import('../dist/core/server/host.js');
const [dir, host] = [join(ROOT, '.afd/watch'), hostFrom(process)];
if (stop) {
  console.log((await resetServer(dir, host)) ? 'The server was stopped and deleted.' : 'There is no such server.');
  process.exit(0);
}
const { url } = await startServer({ dir, host, durability: 'fast', say: (text) => console.error(text) }).catch(
  (error) => {
    console.error([error.message, ...(error.suggestions ?? []).map((one) => `  Try: ${one}`)].join('\n'));
    process.exit(69);
  },
);
const projects = ['unit', 'db', 'serial'].flatMap((name) => ['--project', name]);
const child = spawn(process.execPath, [VITEST, 'watch', ...projects, ...given], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, AFD_TEST_DATABASE_URL: url },
});
// Ctrl-C reaches vitest as well, which removes its schemas.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT') child.kill(signal);
  });
}
child.once('close', (code) => {
  process.exitCode = code ?? 1;
});
