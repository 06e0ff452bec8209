// The OpenAPI document without a gateway that runs: for the pages of the repository and their tests.
import type { OpenAPIV3_1 } from 'openapi-types';
import { configSchema } from '../core/config/config-schema.ts';
import { openContext } from '../core/context/context.ts';
import { Gateway } from '../core/gateway/gateway.ts';
import { buildApp } from './app.ts';

/** Nothing is connected, and nothing listens. `version`: of afd. */
export async function apiDocument(version: string): Promise<OpenAPIV3_1.Document> {
  const context = openContext(
    {
      config: configSchema.parse({ log: { level: 'silent' } }),
      ...{ file: undefined, baseDir: '.', origins: {}, warnings: [], remarks: [], passedOver: [] },
      database: { host: '127.0.0.1', port: 3306, user: 'afd', database: 'afd' },
    },
    { purpose: 'gateway', logTo: { write: () => {} } },
  );
  const app = await buildApp(new Gateway(context, { hostname: 'host', version }));
  try {
    await app.ready();
    return app.swagger() as OpenAPIV3_1.Document;
  } finally {
    await app.close();
    await context.close();
  }
}
