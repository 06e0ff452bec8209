// Processes of the bench: none outlives it, also when it is killed (where there is setpriv).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

const SETPRIV = '/usr/bin/setpriv';
const living = new Set();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** Spawns `argv`; `user` = another account, only as root. stdout and stderr are kept: `child.said()`. */
export function start(argv, { user, ipc = false, ...options } = {}) {
  const as = user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
  const tether = existsSync(SETPRIV) ? [SETPRIV, ...as, '--pdeathsig', 'KILL', '--'] : [];
  const [program, ...args] = [...tether, ...argv];
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? ['ipc'] : [])] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-20_000);
    });
  }
  living.add(child);
  child.once('close', () => living.delete(child));
  child.on('error', (error) => {
    output += error.message;
  });
  child.said = () => output.trim();
  return child;
}

/** Ends a process; SIGKILL after `graceMs`. */
export async function end(child, { signal = 'SIGTERM', graceMs = 15_000 } = {}) {
  if (!living.has(child)) return;
  const closed = once(child, 'close');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await closed;
  clearTimeout(timer);
}

export function ended(child) {
  return child.exitCode !== null || child.signalCode !== null;
}
