// A process that waits for the death of this worker, and then ends what its commands have left. It is a shell that waits
// (1 MB) and becomes a node when it has something to do (40 MB).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { sleep } from '../../runtime/loop.ts';
import { ownProgram } from './own-process.ts';

/** Code that runs from src uses the built entry: Node 20 starts no .ts file. */
const ENTRY = import.meta.url.endsWith('.ts')
  ? '../../../../dist/core/handlers/processes/leftover-guard-entry.js'
  : './leftover-guard-entry.js';

/**
 * It reads from a pipe whose other end only the worker has: a line means a normal end, the end of the pipe without one that the
 * worker has died. Who stops the worker's control group stops the guard last: it ignores what asks it to end.
 */
const SCRIPT = `trap '' TERM INT HUP; read -r line || exec "$@"`;
/** Milliseconds until a guard that does not end is killed. */
const GIVE_UP_MS = 1000;

export class LeftoverGuard {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** `cgroup`: in which the attempts have theirs. `hidden`: in the place of descriptors that it would inherit (`hideInherited`). @throws Error: no shell */
  static async open(
    stamp: string,
    hidden: ReadonlyArray<'ignore' | number>,
    cgroup: string | undefined,
  ): Promise<LeftoverGuard> {
    const entry = fileURLToPath(new URL(ENTRY, import.meta.url));
    const child = spawn(
      '/bin/sh',
      ['-c', SCRIPT, 'afd-guard', ownProgram, entry, stamp, ...(cgroup === undefined ? [] : [cgroup])],
      {
        // A session of its own: what is sent to the group or the terminal of the worker does not reach it.
        detached: true,
        cwd: '/',
        env: {},
        stdio: ['pipe', 'ignore', 'ignore', ...hidden],
      },
    );
    child.stdin?.on('error', () => {});
    await once(child, 'spawn');
    child.unref();
    (child.stdin as Socket).unref();
    return new LeftoverGuard(child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Ends it without work for it. */
  async close(): Promise<void> {
    if (!this.alive) return;
    const timer = new AbortController();
    const ended = once(this.#child, 'exit').finally(() => timer.abort());
    this.#child.stdin?.end('\n');
    await Promise.race([ended, sleep(GIVE_UP_MS, timer.signal)]);
    if (!this.alive) return;
    this.#child.kill('SIGKILL');
    await ended;
  }
}
