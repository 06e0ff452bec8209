import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { shutdownSignals } from '../../../src/cli/shutdown.ts';

function process() {
  const target = Object.assign(new EventEmitter(), { exit: vi.fn() });
  const shutdown = shutdownSignals(target as unknown as Parameters<typeof shutdownSignals>[0]);
  return { target, shutdown };
}

describe('shutdown', () => {
  it('drains at the first signal and forces at the second, whichever they are', () => {
    const { target, shutdown } = process();
    expect([shutdown.drain.aborted, shutdown.signalName]).toEqual([false, undefined]);
    target.emit('SIGTERM', 'SIGTERM');
    expect([shutdown.drain.aborted, shutdown.force.aborted, shutdown.signalName]).toEqual([true, false, 'SIGTERM']);
    target.emit('SIGINT', 'SIGINT');
    expect([shutdown.force.aborted, shutdown.signalName]).toEqual([true, 'SIGINT']);
    expect(target.exit).not.toHaveBeenCalled();
  });

  it('ends the process at the third', () => {
    const { target } = process();
    for (let i = 0; i < 3; i += 1) target.emit('SIGINT', 'SIGINT');
    expect(target.exit).toHaveBeenCalledWith(130);
  });

  it('exits with 0 when all was finished or released in time, else with 143 or 130', () => {
    const { target, shutdown } = process();
    target.emit('SIGTERM', 'SIGTERM');
    expect([shutdown.exitCode({ inTime: true }), shutdown.exitCode({ inTime: false })]).toEqual([0, 143]);
    target.emit('SIGINT', 'SIGINT');
    expect(shutdown.exitCode({ inTime: true })).toBe(130);
  });

  it('finding B11: hears SIGHUP as it hears SIGTERM, with an exit code of its own', () => {
    const { target, shutdown } = process();
    target.emit('SIGHUP', 'SIGHUP');
    expect([shutdown.drain.aborted, shutdown.signalName]).toEqual([true, 'SIGHUP']);
    expect([shutdown.exitCode({ inTime: true }), shutdown.exitCode({ inTime: false })]).toEqual([0, 129]);
  });

  it('exits with 0 without a signal, and hears none after dispose', () => {
    const { target, shutdown } = process();
    expect(shutdown.exitCode({ inTime: true })).toBe(0);
    shutdown.dispose();
    target.emit('SIGTERM', 'SIGTERM');
    expect([shutdown.drain.aborted, target.listenerCount('SIGINT')]).toEqual([false, 0]);
  });
});
