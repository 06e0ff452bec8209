// nginx and HAProxy of Debian before a gateway, each with the configuration of docs/guide/gateway.md, as this user, on a free port.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listen } from './sockets.ts';
import { until } from './wait.ts';

export const PROXIES = ['nginx', 'haproxy'] as const;
export type ProxyName = (typeof PROXIES)[number];

const program = (name: ProxyName) => [`/usr/sbin/${name}`, `/usr/bin/${name}`].find((one) => existsSync(one));

/** Why there is none; undefined = there is one. For skipBecause(…, 'proxies'). */
export const noProxy = (name: ProxyName): string | undefined =>
  program(name) === undefined ? `${name} is not installed (apt-get install ${name})` : undefined;

/** The block of this language in the guide. */
export function configurationInGuide(name: ProxyName): string {
  const guide = readFileSync(new URL('../../docs/guide/gateway.md', import.meta.url), 'utf8');
  const [, block] = guide.split(`\n\`\`\`${name}\n`);
  if (block === undefined) throw new Error(`docs/guide/gateway.md has no block of ${name}`);
  return block.slice(0, block.indexOf('\n```'));
}

export interface RunningProxy {
  url: string;
  stop(): Promise<void>;
}

/** With the configuration of docs/guide/gateway.md. Returns when it accepts connections. */
export async function startProxy(name: ProxyName, gateway: string): Promise<RunningProxy> {
  const block = configurationInGuide(name).replaceAll('127.0.0.1:8000', new URL(gateway).host);
  const head = name === 'nginx' ? '' : 'global\n    maxconn 1000\n';
  return startProxyWith(name, (port) => `${head}${block.replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)}\n`);
}

/** `configuration`: that of a site of nginx, or all of HAProxy, for a port of 127.0.0.1. */
export async function startProxyWith(name: ProxyName, configuration: (port: number) => string): Promise<RunningProxy> {
  const dir = await mkdtemp(join(tmpdir(), `afd-${name}-`));
  const port = await freePort();
  const file = join(dir, 'proxy.conf');
  await writeFile(file, name === 'nginx' ? nginxAround(dir, configuration(port)) : configuration(port));
  if (name === 'nginx') await mkdir(join(dir, 'logs'));
  const args = name === 'nginx' ? ['-p', dir, '-c', file, '-e', join(dir, 'error.log')] : ['-db', '-f', file];
  const child = spawn(program(name)!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'close');
  process.once('exit', () => child.kill('SIGKILL'));
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${said}`);
    return accepts(port);
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(dir, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${port}`, stop };
}

/** What a package sets up around a site, for one process in the foreground that writes into its own folder. */
function nginxAround(dir: string, site: string): string {
  const root = process.getuid?.() === 0 ? 'user root;\n' : '';
  const names = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = names.map((one) => `${one}_temp_path ${dir}/${one};`);
  return `${root}daemon off;
master_process on;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log;
events { worker_connections 256; }
http {
access_log off;
${temporary.join('\n')}
${site}
}
`;
}

/** A port of the loopback interface that nobody uses now, for a process that must have the same one after a restart. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await once(server.close(), 'close');
  return port;
}

const accepts = async (port: number) => {
  const socket = connect(port, '127.0.0.1');
  const connected = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return connected;
};
