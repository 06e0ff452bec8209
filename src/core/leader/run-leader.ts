// `afd leader`: contends for the lease and does the leader's duties; executes no task, so it is never assignable.
import type { Context } from '../context/context.ts';
import { StartWait } from '../context/start-wait.ts';
import { AfdError } from '../domain/errors.ts';
import { LivenessClient } from '../node/liveness-client.ts';
import { nodeReport } from '../node/liveness-events.ts';
import type { LivenessReport } from '../node/liveness-messages.ts';
import { livenessSettings, type NodeFacts, obeyFleet } from '../node/liveness-settings.ts';
import { TermDuties } from './term-duties.ts';

/** Runs until `stop` is aborted. Returns the device id it had. @throws AfdError E_DEVICE_RUNNING, E_SUPERSEDED, E_TEMPORARY; DatabaseError */
export async function runLeader(
  context: Context,
  facts: NodeFacts & { stop: AbortSignal; waitDatabaseS?: number | undefined },
): Promise<{ device_id: string }> {
  const { events } = context;
  const startWait = new StartWait({ seconds: facts.waitDatabaseS ?? 0, events, stop: facts.stop });
  // First: it brings the fleet's values.
  await startWait.run(() => context.session());
  const settings = livenessSettings(context, facts, {
    deviceType: 'master',
    capabilities: {},
    slots: 0,
    contend: true,
  });
  settings.waitDatabaseMs = startWait.leftMs;
  let deviceId = '';
  let leadership: TermDuties | undefined;
  let failure: unknown;
  const onReport = (report: LivenessReport) => {
    if (report.kind === 'registered') {
      deviceId = report.deviceId;
      leadership = new TermDuties(context, deviceId);
      void leadership.start();
      leadership.finished.catch((error: unknown) => {
        failure = error;
        void liveness.stop();
      });
    }
    if (report.kind === 'settings') liveness.send(obeyFleet(context, report));
    else if (report.kind === 'leader-gained') leadership?.gained(report.term, report.found);
    else if (report.kind === 'leader-lost') void leadership?.lost(report.term, report.reason);
    leadership?.heard(report);
    nodeReport(report, events, deviceId);
  };
  const onBeat = () => {
    if (leadership?.stalled() === true) liveness.send({ kind: 'resign' });
  };
  const liveness: LivenessClient = new LivenessClient(settings, onReport, onBeat);
  const stop = () => void liveness.stop();
  facts.stop.addEventListener('abort', stop, { once: true });
  void liveness.start();
  if (facts.stop.aborted) stop();
  await liveness.finished.finally(() => leadership?.stop());
  if (failure !== undefined) throw failure;
  if (!facts.stop.aborted) throw new AfdError('E_INTERNAL', 'The liveness thread ended without a reason.');
  return { device_id: deviceId };
}
