// Entry of a thread in which module handlers run. What would end a process ends this thread, and says first whose code
// it was.
import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { workerData } from 'node:worker_threads';
import { AfdError } from '../../domain/errors.ts';
import { thrownText } from '../../domain/text/thrown-text.ts';
import type { Handler } from '../handler.ts';
import { ModulePlace } from '../module-place.ts';
import { BatchedPort, readBatch } from './batched-port.ts';
import { CELL, type FromThread, type ThreadSettings, type ToThread } from './handler-thread-messages.ts';
import { announceCrashes } from './last-words.ts';
import { placeLog } from './place-log.ts';
import { sendable } from './sendable.ts';
import { ThreadAttempt } from './thread-attempt.ts';

const settings = workerData as ThreadSettings;
const { port } = settings;
const cells = new Int32Array(settings.cells);
const out = new BatchedPort<FromThread>(port, sendable);
const say = (message: FromThread) => out.push(message);
const running = new AsyncLocalStorage<ThreadAttempt>();
const attempts = new Map<number, ThreadAttempt>();
const handlers: Handler[] = [];
const place = new ModulePlace({
  base_dir: settings.base_dir,
  folders: settings.folders,
  logOf: (task_type) => placeLog(task_type, say),
  apart: (call) => running.exit(call),
});

const exit = announceCrashes({
  idNow: () => running.getStore()?.id ?? cells[CELL.current]!,
  nameNow: () => running.getStore()?.name ?? 'a handler?',
  say,
  flush: () => out.flush(),
});

for (const name of ['stdout', 'stderr'] as const) {
  const stream = process[name];
  const raw = stream.write.bind(stream);
  stream.write = ((chunk: string | Uint8Array, second?: unknown, third?: (error?: Error | null) => void) => {
    const attempt = running.getStore();
    const encoding = typeof second === 'string' ? (second as BufferEncoding) : undefined;
    const done = typeof second === 'function' ? (second as (error?: Error | null) => void) : third;
    if (attempt === undefined || attempt.ended) return raw(chunk, encoding, done);
    attempt.print(name, typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk));
    if (done !== undefined) queueMicrotask(() => done());
    return true;
  }) as typeof stream.write;
}

function setCurrent(id: number): void {
  cells[CELL.current] = id;
  if (id !== 0) cells[CELL.last] = id;
}

createHook({
  before() {
    setCurrent(running.getStore()?.id ?? 0);
  },
  after() {
    cells[CELL.current] = 0;
  },
}).enable();

function begin({ id, module, task, device_id }: ToThread & { kind: 'run' }): void {
  const attempt = new ThreadAttempt(id, task, device_id, say);
  attempts.set(id, attempt);
  cells[CELL.begun] = id;
  setCurrent(id);
  void running.run(attempt, async () => {
    const outcome = await handlers[module]!.execute(attempt);
    attempt.end();
    attempts.delete(id);
    say({ kind: 'ended', id, outcome });
  });
  cells[CELL.current] = 0;
}

function obey(command: ToThread): void {
  if (command.kind === 'run') begin(command);
  else if (command.kind === 'abort') attempts.get(command.id)?.abort(command.reason);
  else if (command.kind === 'checkpointed') {
    attempts.get(command.id)?.report.checkpointed(command.version, command.refused);
  } else if (command.kind === 'ping') say({ kind: 'pong' });
  else void end();
}

async function end(): Promise<void> {
  await place.cleanUp(settings.cleanUpMs);
  out.flush();
  // What the modules do on 'exit' (ending a browser that they started) is done.
  exit(0);
}

try {
  for (const { task_type, module } of settings.modules) {
    handlers.push(await place.load(task_type, module));
  }
  say({ kind: 'ready' });
  port.on('message', (message) => readBatch<ToThread>(message).forEach(obey));
} catch (error) {
  const [code, message] = error instanceof AfdError ? [error.code, error.message] : ['E_CONFIG', thrownText(error)];
  say({ kind: 'unloaded', code, message });
  out.flush();
  exit(1);
}
