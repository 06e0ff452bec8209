// What must hold for every service: it may be started and stopped in any order, at any moment, and leaves nothing.
import { createHook } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Service } from '../../src/core/runtime/service.ts';
import { until } from './wait.ts';

/** A service that was not started. */
export interface Made {
  service: Service;
  /** Gives it something to do while it runs, so that there is something to end. */
  use?(): unknown;
  /** Closes what it was given. */
  close?(): unknown;
  /** Listeners that it has added to what it was given, and not removed. */
  listeners?(): number;
}

/** Turns of the event loop after which a stop meets a start that is under way. */
const MOMENTS = [0, 1, 2, 3, 5, 8, 20, 100];

/** `patienceMs`: how long the system may take to tell the end of a timer or handle. @throws what does not hold */
export async function stress(make: Make, patienceMs = 10_000): Promise<void> {
  const life = (what: string, work: Work) => oneLife(make, what, work, patienceMs);
  await life('start and stop', async ({ service, use }) => {
    await service.start();
    await use?.();
    await service.stop();
  });
  await life('start twice and stop twice, at once', async ({ service, use }) => {
    const starts = [service.start(), service.start()];
    await Promise.all(starts);
    await use?.();
    await Promise.all([service.stop(), service.stop()]);
    await service.stop();
  });
  await life('stop before start', async ({ service }) => {
    await service.stop();
  });
  for (const turns of MOMENTS) {
    await life(`stop ${turns} turns after the begin of the start`, async ({ service }) => {
      const start = service.start().then(
        () => 'ran',
        ({ code }) => code,
      );
      for (let n = 0; n < turns; n += 1) await turn();
      await Promise.all([service.stop(), service.stop()]);
      expect(['ran', 'E_TEMPORARY']).toContain(await start);
    });
  }
}

type Work = (made: Made) => Promise<void>;
type Make = () => Made | Promise<Made>;

/** One life, ended by `work`. Afterwards it is over for good, and nothing of it is left. */
async function oneLife(make: Make, what: string, work: Work, patienceMs: number): Promise<void> {
  const left = resources();
  const warnings: string[] = [];
  const warn = (warning: Error) => warnings.push(String(warning));
  process.on('warning', warn);
  try {
    const made = await make();
    const { service } = made;
    const run = work(made).then(async () => {
      // Resolved by now, and not soon.
      expect(await Promise.race([service.finished.then(() => 'over'), turn('runs')]), `${what}: finished`).toBe('over');
      expect(made.listeners?.() ?? 0, `${what}: listeners that are left`).toBe(0);
      const again = service.start();
      // What has run tells so again, what has not is refused; neither begins anything.
      await again.catch((error: unknown) => expect(error).toMatchObject({ code: 'E_TEMPORARY' }));
      await service.finished;
    });
    await run.finally(() => made.close?.());
    await left.none(what, patienceMs);
    expect(warnings, what).toEqual([]);
  } finally {
    left.forget();
    process.off('warning', warn);
  }
}

/** Also those that would not keep the process alive, which process.getActiveResourcesInfo() does not list. */
const KINDS = new Set(['Timeout', 'UDPWRAP', 'TCPWRAP', 'PIPEWRAP', 'MESSAGEPORT', 'PROCESSWRAP']);

/** Timers and handles that are opened from now on. */
function resources() {
  const open = new Map<number, string>();
  let noting = true;
  const hook = createHook({
    init(id, kind) {
      if (noting && KINDS.has(kind))
        open.set(id, `${kind} ${new Error('opened').stack?.split('\n').slice(2).join('\n')}`);
    },
    destroy(id) {
      open.delete(id);
    },
  }).enable();
  return {
    /** The system tells the end of a handle some turns later. */
    async none(what: string, patienceMs: number): Promise<void> {
      noting = false;
      await until(() => open.size === 0, patienceMs, 'the end').catch(() => {
        throw new Error(`${what}: left over\n${[...open.values()].join('\n\n')}`);
      });
    },
    forget: () => hook.disable(),
  };
}
