// Which process a device id belongs to: whoever is refused the id is told where to look for its holder.

const OF_DEVICE = {
  host_name: "VARCHAR(255) NULL COMMENT 'machine of the process that registered last'",
  pid: "INT NULL COMMENT 'number of that process there'",
};

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function up(tools) {
  await tools.addColumns(tools.names.plain.device, OF_DEVICE);
}

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function down(tools) {
  await tools.dropColumns(tools.names.plain.device, Object.keys(OF_DEVICE));
}
