// Entry of a process in which one module handler runs, one attempt at a time. What ends it says first whose code it was;
// what it prints is read by the worker from its pipes, also when native code or another program writes there.
import { AsyncLocalStorage } from 'node:async_hooks';
import { AfdError } from '../../domain/errors.ts';
import { thrownText } from '../../domain/text/thrown-text.ts';
import type { Handler } from '../handler.ts';
import { ModulePlace } from '../module-place.ts';
import { BatchedPort, readBatch } from '../thread/batched-port.ts';
import type { FromThread, ToThread } from '../thread/handler-thread-messages.ts';
import { announceCrashes } from '../thread/last-words.ts';
import { placeLog } from '../thread/place-log.ts';
import { sendable } from '../thread/sendable.ts';
import { ThreadAttempt } from '../thread/thread-attempt.ts';
import type { ProcessSettings } from './process-settings.ts';

const settings = JSON.parse(process.argv[2]!) as ProcessSettings;
const { task_type, module, base_dir, folders, cleanUpMs } = settings;
// The channel belongs to the worker: a module that sends on it would only confuse both.
const send = process.send!.bind(process);
Reflect.deleteProperty(process, 'send');
const { stdout, stderr } = process;
const out = new BatchedPort<FromThread>({ postMessage: (text) => void send(text) }, sendable);
const say = (message: FromThread) => out.push(message);
const running = new AsyncLocalStorage<ThreadAttempt>();
const place = new ModulePlace({
  base_dir,
  folders,
  logOf: (type) => placeLog(type, say),
  apart: (call) => running.exit(call),
});
let handler: Handler | undefined;
let current: ThreadAttempt | undefined;

const exit = announceCrashes({
  idNow: () => running.getStore()?.id ?? 0,
  nameNow: () => running.getStore()?.name ?? task_type,
  say,
  flush: () => out.flush(),
});

// The worker is gone, however it ended: with this process goes its group, which is all that it started.
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'));

async function begin({ id, task, device_id }: ToThread & { kind: 'run' }): Promise<void> {
  const attempt = new ThreadAttempt(id, task, device_id, say);
  current = attempt;
  say({ kind: 'begun', id });
  // Now: the code of the handler may be the last that this process ever runs.
  out.flush();
  const outcome = await running.run(attempt, () => handler!.execute(attempt));
  attempt.end();
  current = undefined;
  await printed();
  say({ kind: 'ended', id, outcome, rss: process.memoryUsage.rss() });
}

/** Resolves when what the attempt printed is in the pipes: the worker must have it before the end. */
async function printed(): Promise<void> {
  for (const stream of [stdout, stderr]) {
    if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write('', () => resolve()));
  }
}

/** What came while the module was loading. */
const early: ToThread[] = [];

function obey(command: ToThread): void {
  if (handler === undefined) early.push(command);
  else if (command.kind === 'run') void begin(command);
  else if (command.kind === 'abort') {
    if (current?.id === command.id) current.abort(command.reason);
  } else if (command.kind === 'checkpointed') {
    if (current?.id === command.id) current.report.checkpointed(command.version, command.refused);
  } else if (command.kind === 'end') void end();
}

async function end(): Promise<void> {
  await place.cleanUp(cleanUpMs);
  out.flush();
  exit(0);
}

// Before the module, which may listen too.
process.on('message', (message) => readBatch<ToThread>(message).forEach(obey));
try {
  handler = await place.load(task_type, module);
  say({ kind: 'ready' });
  early.splice(0).forEach(obey);
} catch (error) {
  const [code, message] = error instanceof AfdError ? [error.code, error.message] : ['E_CONFIG', thrownText(error)];
  say({ kind: 'unloaded', code, message });
  out.flush();
  exit(1);
}
