// The API for operators and programs.
import type { Gateway } from '../core/gateway/gateway.ts';
import { auditRoutes } from './routes/access/audit.ts';
import { keyRoutes } from './routes/access/keys.ts';
import { peopleRoutes } from './routes/access/people.ts';
import { batchRoutes } from './routes/batches.ts';
import { deviceActRoutes } from './routes/device-acts.ts';
import { deviceListRoutes } from './routes/devices-list.ts';
import { fleetRoutes } from './routes/fleet.ts';
import { taskActRoutes } from './routes/task-acts.ts';
import { taskExportRoutes } from './routes/task-export.ts';
import { taskLogRoutes } from './routes/task-logs.ts';
import { taskRoutes } from './routes/tasks.ts';
import { webhookDeliveryRoutes } from './routes/webhook-deliveries.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import type { App } from './server/app-type.ts';

/** @throws AfdError E_CONFIG */
export async function operatorRoutes(app: App, gateway: Gateway): Promise<void> {
  taskRoutes(app, gateway);
  taskActRoutes(app, gateway);
  taskLogRoutes(app, gateway);
  taskExportRoutes(app, gateway);
  batchRoutes(app, gateway);
  deviceListRoutes(app, gateway);
  deviceActRoutes(app, gateway);
  fleetRoutes(app, gateway);
  webhookRoutes(app, gateway);
  keyRoutes(app, gateway);
  await peopleRoutes(app, gateway);
  auditRoutes(app, gateway);
  webhookDeliveryRoutes(app, gateway);
}
