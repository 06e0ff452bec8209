import { Sidequest } from 'sidequest';
import { settings, untilGo } from './worker-side.mjs';

const { slots, connection } = settings;
await Sidequest.start({
  backend: { driver: '@sidequest/mysql-backend', config: { client: 'mysql2', connection } },
  queues: [{ name: 'default', concurrency: slots }],
  maxConcurrentJobs: slots,
  skipMigration: true,
  logger: { level: 'error' },
  dashboard: { enabled: false },
});
await untilGo();
