import type { MessagePort } from 'node:worker_threads';
import { Liveness } from '../liveness.ts';
import {
  failedReport,
  type LivenessCommand,
  type LivenessReport,
  type LivenessSettings,
  reviveCommand,
  type STOP,
} from '../liveness-messages.ts';
import type { Outside } from '../main-silence.ts';
import { RemoteLiveness } from '../remote/remote-liveness.ts';

/** Keeps a device alive for the client at the other end of the port, until that says stop or it fails; then the port is closed. */
export async function serveLiveness(port: MessagePort, settings: LivenessSettings, outside: Outside): Promise<void> {
  const report = (one: LivenessReport) => port.postMessage(one);
  const liveness =
    settings.gateway === undefined
      ? new Liveness(settings, report, outside)
      : new RemoteLiveness(settings, settings.gateway, report, outside);
  port.on('message', (command: LivenessCommand | typeof STOP) => {
    if (command.kind === 'stop') void liveness.stop();
    else liveness.command(reviveCommand(command));
  });
  void liveness.start();
  await liveness.finished.catch((error: unknown) => port.postMessage(failedReport(error)));
  port.close();
}
