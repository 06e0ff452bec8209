import { afterEach, describe, expect, test } from 'vitest';
import { Service, untilAborted } from '../../../../src/core/runtime/service.ts';
import { stress } from '../../../helpers/stress.ts';

type Run = (signal: AbortSignal, running: () => void) => Promise<void>;

/** A service that does what the test says. */
class Does extends Service {
  protected readonly run: Run;

  constructor(run: Run) {
    super();
    this.run = run;
  }
}

const obedient: Run = async (signal, running) => {
  running();
  await untilAborted(signal);
};

describe('a service', () => {
  test('runs when it says so, and not before', async () => {
    let run = () => {};
    const one = new Does(async (signal, running) => {
      run = running;
      await untilAborted(signal);
    });
    let runs = false;
    const start = one.start().then(() => {
      runs = true;
    });
    await Promise.resolve();
    expect(runs).toBe(false);
    run();
    await start;
    await one.stop();
    await one.finished;
  });

  test('that fails before it runs says why to who started it and to who waits for its end', async () => {
    const one = new Does(() => {
      throw new Error('no port');
    });
    await expect(one.start()).rejects.toThrow('no port');
    await expect(one.finished).rejects.toThrow('no port');
    await one.stop();
  });

  test('that fails later has started, and says why to who waits for its end; stop never rejects', async () => {
    const one = new Does(async (_signal, running) => {
      running();
      throw new Error('cut');
    });
    await one.start();
    await expect(one.finished).rejects.toThrow('cut');
    await one.stop();
  });

  test('that has nothing more to do ends by itself', async () => {
    const one = new Does(async (_signal, running) => running());
    await one.start();
    await one.finished;
  });

  test('lives once: after a stop before its start it is not started', async () => {
    let runs = 0;
    const one = new Does(async () => {
      runs += 1;
    });
    await one.stop();
    await one.finished;
    await expect(one.start()).rejects.toMatchObject({ code: 'E_TEMPORARY' });
    expect(runs).toBe(0);
  });

  test('is not started when it is stopped before it ran', async () => {
    const one = new Does((signal) => untilAborted(signal));
    const start = one.start();
    await one.stop();
    await expect(start).rejects.toMatchObject({ code: 'E_TEMPORARY' });
  });

  test('that waits for others ends when one of them fails, and when it is asked to', async () => {
    const good = new Does(obedient);
    let fail = (_error: Error) => {};
    const bad = new Does(async (_signal, running) => {
      running();
      await new Promise((_, reject) => {
        fail = reject;
      });
    });
    await Promise.all([good.start(), bad.start()]);
    const asked = new AbortController();
    const first = untilAborted(asked.signal, [good, bad]);
    asked.abort();
    await first;
    const second = untilAborted(new AbortController().signal, [good, bad]);
    fail(new Error('cut'));
    await expect(second).rejects.toThrow('cut');
    await good.stop();
  });
});

describe('the stress of services', () => {
  let timer: NodeJS.Timeout;
  let end = () => {};
  afterEach(() => {
    clearInterval(timer);
    end();
  });

  test('accepts one that obeys', () => stress(() => ({ service: new Does(obedient) })));

  test.for<[string, Run, RegExp]>([
    [
      'rejects its finished when it is stopped',
      async (signal, running) => {
        await obedient(signal, running);
        throw new Error('stopped');
      },
      /stopped/,
    ],
    [
      'leaves a timer, also one that keeps no process alive',
      async (signal, running) => {
        timer ??= setInterval(() => {}, 60_000).unref();
        await obedient(signal, running);
      },
      /^start and stop: left over\nTimeout/,
    ],
  ])('refuses one that %s', async ([, run, why]) => {
    await expect(stress(() => ({ service: new Does(run) }), 100)).rejects.toThrow(why);
  });

  test('refuses one that leaves a listener', async () => {
    let open = 0;
    const run: Run = async (signal, running) => {
      open += 1;
      await obedient(signal, running);
    };
    await expect(stress(() => ({ service: new Does(run), listeners: () => open }))).rejects.toThrow('listeners');
  });

  test('refuses one whose stop does not wait for its end', async () => {
    const run: Run = async (_signal, running) => {
      running();
      await new Promise<void>((resolve) => (end = resolve));
    };
    class Hasty extends Does {
      override async stop(): Promise<void> {
        void super.stop();
      }
    }
    await expect(stress(() => ({ service: new Hasty(run) }))).rejects.toThrow(/^start and stop: finished/);
  });
});
