import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type CommandEvents, stdioWithEvents } from '../events/command-events.ts';
import { readPaced } from '../paced-output.ts';
import { groupEnded, signalGroup } from '../processes/process-group.ts';
import type { Environment } from './command-environment.ts';
import type { CommandOutput } from './command-output.ts';
import type { HandlerUser } from './handler-user.ts';

/** Milliseconds; what still holds a pipe after its group has gone has left the group on purpose. */
const PIPE_WAIT_MS = 1000;

export interface Command {
  /** Program (an absolute path) and arguments. */
  argv: string[];
  cwd: string;
  env: Environment;
  /** As whom it runs; undefined = as this process. */
  user?: Pick<HandlerUser, 'uid' | 'gid'> | undefined;
  /** Written when `watch.started` has resolved. */
  stdin: string;
  output: CommandOutput;
  events: CommandEvents;
  /** In the place of descriptors that it would inherit, from the fourth on (`hideInherited`). */
  hidden: ReadonlyArray<'ignore' | number>;
  /** Aborted: SIGTERM to the group, SIGKILL `kill_grace` seconds later. */
  signal: AbortSignal;
  kill_grace: number;
  /** Aborted: SIGKILL to the group, without any grace. */
  kill?: AbortSignal | undefined;
  watch: CommandWatch;
}

/** Hears what happens to a command while it runs. */
export interface CommandWatch {
  /** Never rejects. */
  started(pgid: number): Promise<void>;
  /** Bytes of either output. */
  output(bytes: number): void;
  /** The leader has exited. */
  exited(): void;
  /** Its process group has gone; its outputs are waited for afterwards. */
  groupEnded(): Promise<void>;
}

export type CommandEnd =
  | { kind: 'not-started'; error: NodeJS.ErrnoException }
  /** `interrupted`: the signal had been aborted before the leader was seen to exit. */
  | { kind: 'exited'; code: number | null; signal: NodeJS.Signals | null; interrupted: boolean };

/** Runs a command in a process group of its own and resolves when nothing of that group runs any more. Rejects only if `watch` does. */
export async function runCommand(command: Command): Promise<CommandEnd> {
  let child: ChildProcess;
  try {
    child = spawn(command.argv[0]!, command.argv.slice(1), {
      cwd: command.cwd,
      env: command.env as NodeJS.ProcessEnv,
      detached: true,
      shell: false,
      ...(command.user === undefined ? {} : { uid: command.user.uid, gid: command.user.gid }),
      stdio: stdioWithEvents(command.hidden),
    });
  } catch (error) {
    return { kind: 'not-started', error: error as NodeJS.ErrnoException };
  }
  const ended = new Promise<CommandEnd>((resolve) => {
    child.on('error', (error) => child.pid === undefined && resolve({ kind: 'not-started', error }));
    child.once('exit', (code, signal) => {
      command.watch.exited();
      resolve({ kind: 'exited', code, signal, interrupted: command.signal.aborted });
    });
  });
  const pipes = connect(child, command);
  if (child.pid === undefined) return ended;

  command.events.read(child);
  const pgid = child.pid;
  void command.watch.started(pgid).then(() => child.stdin?.end(command.stdin));
  let timer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    signalGroup(pgid, 'SIGTERM');
    // A stopped process would not see it.
    signalGroup(pgid, 'SIGCONT');
    timer = setTimeout(() => signalGroup(pgid, 'SIGKILL'), command.kill_grace * 1000);
  };
  const kill = () => signalGroup(pgid, 'SIGKILL');
  command.kill?.addEventListener('abort', kill, { once: true });
  command.signal.addEventListener('abort', interrupt, { once: true });
  if (command.kill?.aborted) kill();
  if (command.signal.aborted) interrupt();
  const end = await ended;
  command.signal.removeEventListener('abort', interrupt);
  // After a normal exit nothing may go on; after SIGTERM the others have the rest of the grace.
  if (end.kind === 'exited' && !end.interrupted) signalGroup(pgid, 'SIGKILL');
  await groupEnded(pgid);
  command.kill?.removeEventListener('abort', kill);
  clearTimeout(timer);
  try {
    await command.watch.groupEnded();
  } finally {
    await Promise.all([closed(child, pipes), command.events.ended()]);
  }
  return end;
}

/** Reads both outputs; resolves when both outputs have ended. */
function connect(child: ChildProcess, command: Command): Promise<unknown> {
  // EPIPE: a command need not read its task.
  child.stdin?.on('error', () => {});
  const ends = (['stdout', 'stderr'] as const).map((name) => {
    const stream = child[name];
    if (stream === null) return undefined;
    const { output, watch } = command;
    readPaced(
      stream,
      (chunk) => {
        watch.output(chunk.length);
        output.write(name, chunk);
      },
      () => output.plenty,
    );
    return once(stream, 'close').catch(() => stream.destroy());
  });
  return Promise.all(ends);
}

async function closed(child: ChildProcess, pipes: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  // It only rejects when it is aborted below.
  const over = delay(PIPE_WAIT_MS, undefined, { signal: timer.signal }).catch(() => {});
  await Promise.race([pipes, over]);
  timer.abort();
  child.stdin?.destroy();
  child.stdout?.destroy();
  child.stderr?.destroy();
}
