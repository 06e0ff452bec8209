import type { Events } from '../runtime/events.ts';
import type { LivenessReport } from './liveness-messages.ts';

/** What the liveness thread reports of itself, as events of the node; the same for workers and leaders. */
export function nodeReport(report: LivenessReport, events: Events, deviceId: string): void {
  switch (report.kind) {
    case 'registered':
      events.emit('device:registered', {
        device_id: report.deviceId,
        instance_token: report.instanceToken.toString('hex'),
        server: report.server,
      });
      break;
    case 'heartbeat':
      events.emit('device:heartbeat', { device_id: deviceId, status: report.status });
      break;
    case 'database-lost':
      events.emit('database:lost', { message: report.message, ...of(report) });
      break;
    case 'database-back':
      events.emit('database:back', { after_ms: report.afterMs, server: report.server, ...of(report) });
      break;
    case 'warning':
      events.emit('warning', { message: report.message });
      break;
    case 'main-blocked':
      events.emit('main:blocked', report.facts);
      break;
    case 'main-back':
      events.emit('main:back', { after_ms: report.afterMs, released: report.released, ...of(report) });
      break;
    default:
  }
}

function of({ gateway }: { gateway?: boolean }): { gateway?: boolean } {
  return gateway === true ? { gateway } : {};
}
