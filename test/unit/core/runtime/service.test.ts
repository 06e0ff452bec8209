import { describe, expect, onTestFinished, test } from 'vitest';
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
    const start = one.start().then(() => 'runs');
    expect(await Promise.race([start, Promise.resolve('starts')])).toBe('starts');
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

  test('is not started when it is stopped before it ran', async () => {
    const one = new Does((signal) => untilAborted(signal));
    const start = one.start();
    await one.stop();
    await expect(start).rejects.toMatchObject({ code: 'E_TEMPORARY' });
  });

  test('that waits for others ends when one of them fails, and when it is asked to', async () => {
    let fail = (_error: Error) => {};
    const bad = new Does(async (_signal, running) => {
      running();
      await new Promise((_, reject) => {
        fail = reject;
      });
    });
    await bad.start();
    await untilAborted(AbortSignal.abort(), [bad]);
    const waiting = untilAborted(new AbortController().signal, [bad]);
    fail(new Error('cut'));
    await expect(waiting).rejects.toThrow('cut');
  });
});

describe('the stress of services', () => {
  test('accepts one that obeys', () => stress(() => ({ service: new Does(obedient) })));

  test('refuses one that leaves a timer, also one that keeps no process alive', async () => {
    let timer: NodeJS.Timeout | undefined;
    onTestFinished(() => clearInterval(timer));
    const run: Run = async (signal, running) => {
      timer ??= setInterval(() => {}, 60_000).unref();
      await obedient(signal, running);
    };
    const refused = stress(() => ({ service: new Does(run) }), 100);
    await expect(refused).rejects.toThrow(/^start and stop: left over\nTimeout/);
  });
});
