// Which server the tests run on, and what `npm run proof` needs beside it.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const dist = (file) => import(new URL(`../dist/core/${file}`, import.meta.url).href);

/**
 * Variables that name the server: none where the set-up of the tests starts a private one, whose program is installed here if
 * it is missing and may be. Where no program can be had AFD_DATABASE_URL stands in for it; only schemas named afd_test_… are
 * touched on it. Ends the process with 69 where there is nothing.
 */
export async function serverForTests() {
  const { AFD_TEST_DATABASE_URL: named } = process.env;
  if (named !== undefined) {
    await assertAnswers(named);
    return {};
  }
  const { findServerProgram } = await dist('server/server-program.js');
  const { installServer } = await dist('server/server-install.js');
  const { hostFrom } = await dist('server/host.js');
  const host = hostFrom(process);
  try {
    if ((await findServerProgram(host)) === undefined) await installServer(host, (text) => console.error(text));
    return {};
  } catch (error) {
    if (error.code !== 'E_SERVER_MISSING') throw error;
    const { AFD_DATABASE_URL: existing } = process.env;
    if (existing !== undefined) return { AFD_TEST_DATABASE_URL: existing };
    console.error([error.message, ...error.suggestions.map((one) => `  Try: ${one}`)].join('\n'));
    process.exit(69);
  }
}

async function assertAnswers(url) {
  const { Session } = await dist('db/session.js');
  try {
    const { hostname, port, username, password, pathname, searchParams } = new URL(url);
    const socket = searchParams.get('socket');
    const at = socket === null ? { host: hostname, port: Number(port || 3306) } : { socketPath: socket };
    const login = {
      user: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: pathname.slice(1),
    };
    const limits = { timeZone: '+00:00', idleTimeoutS: 10, deadlineMs: 5000, multiStatements: false };
    const session = new Session({ address: { ...at, ...login }, ...limits });
    await session.ready();
    await session.close();
  } catch (error) {
    const why = `The server of AFD_TEST_DATABASE_URL cannot be used: ${error.message}`;
    console.error(`${why}\n  Try: unset AFD_TEST_DATABASE_URL, to use a private server`);
    process.exit(69);
  }
}

/** Scripts outside the project that start real servers; each knows start, env, stop and wipe. */
const TOOLS = {
  AFD_TEST_REAL_MYSQL: 'real-mysql.sh',
  AFD_TEST_MYSQL_GROUP: 'mysql-group.sh',
  AFD_TEST_MARIADB_PAIR: 'mariadb-semisync.sh',
  AFD_TEST_MARIADB_GALERA: 'mariadb-galera.sh',
};

/** The script that this variable names, or the one in the folder beside the project; undefined = there is none. */
export function tool(variable) {
  const beside = fileURLToPath(new URL(`../../shared/tools/${TOOLS[variable]}`, import.meta.url));
  return process.env[variable] ?? (existsSync(beside) ? beside : undefined);
}

/** A real MySQL: that of AFD_TEST_MYSQL_URL, or one that this starts and `stop` removes. `why` = there is none. */
export async function realMysql() {
  const nothing = () => {};
  if (process.env.AFD_TEST_MYSQL_URL !== undefined) return { url: process.env.AFD_TEST_MYSQL_URL, stop: nothing };
  const script = tool('AFD_TEST_REAL_MYSQL');
  if (script === undefined) return { why: 'AFD_TEST_MYSQL_URL is not set', stop: nothing };
  const env = {
    ...process.env,
    ...{ REAL_MYSQL_NAME: `proof-${process.pid}`, REAL_MYSQL_PORT: String(await freePort()), REAL_MYSQL_POOL: '512M' },
    REAL_MYSQL_EXTRA: '--innodb-flush-log-at-trx-commit=0 --sync-binlog=0 --log-bin-trust-function-creators=1',
  };
  const call = (word) => spawnSync(script, [word], { env, encoding: 'utf8' });
  const stop = () => void call('wipe');
  const { status, stdout, stderr } = call('start');
  if (status !== 0) return { why: `${script} did not start one: ${stderr.trim().split('\n').at(-1)}`, stop };
  const of = Object.fromEntries(
    stdout.split('\n').map((line) =>
      line
        .replace(/^MYSQL_/, '')
        .split(/=(.*)/)
        .slice(0, 2),
    ),
  );
  return { url: `mysql://${of.USER}:${of.PASSWORD}@${of.HOST}:${of.PORT}/${of.DATABASE}`, stop };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((one) => `/usr/lib/${one}/faketime/libfaketimeMT.so.1`);
/** Debian packages of the parts of a proof, and whether they are there. */
const PACKAGES = {
  // Moves the clock of a node.
  libfaketime: () => LIBRARIES.some((one) => existsSync(one)),
  // Runs the example in Python.
  'python3-pymysql': () => spawnSync('/usr/bin/python3', ['-c', 'import pymysql'], { stdio: 'ignore' }).status === 0,
  // Stand before a gateway.
  nginx: () => existsSync('/usr/sbin/nginx'),
  haproxy: () => existsSync('/usr/sbin/haproxy'),
  // Opens what a gateway answers.
  chromium: () => existsSync('/usr/bin/chromium'),
};

/** Installs those that are missing where apt-get may be used without asking anybody; a test that misses one says so. */
export function installForProof(names) {
  const missing = names.filter((name) => !PACKAGES[name]());
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  // The tests start their own: no service begins with the installation.
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...words) => spawnSync('apt-get', words, { stdio: 'ignore', env }).status === 0;
  const install = () => apt('install', '-y', '--no-install-recommends', ...missing);
  const done = install() || (apt('update') && install());
  if (ours) rmSync(policy, { force: true });
  const sorry = `could not install ${missing.join(', ')}: the tests that need it are skipped`;
  console.error(done ? `installed ${missing.join(', ')}` : sorry);
}
