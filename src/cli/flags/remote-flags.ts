// The flags by which a worker without a database finds its gateway.
import { Flags } from '@oclif/core';

export const gatewayFlags = {
  gateway: Flags.string({
    helpValue: 'URL',
    summary: 'Work through this gateway instead of the database (worker.gateway; several: separated by commas).',
  }),
};

/** Of the design document. */
export const masterFlags = {
  'master-host': Flags.string({
    helpValue: 'HOST',
    summary: 'Worker without a database: host of its gateway (master.host).',
  }),
  'master-port': Flags.integer({
    helpValue: 'PORT',
    min: 1,
    max: 65_535,
    summary: 'Worker without a database: port of its gateway (default: 8000).',
  }),
};

export const MASTER_KEYS = { 'master-host': 'master.host', 'master-port': 'master.port' };
