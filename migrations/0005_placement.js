// What placing tasks needs to know of devices and lanes: which gates a device is over, which of its slots are stuck, how many tasks it was given
// lately, and how many devices can run a lane. Each value is overwritten whole by its one writer.

const OF_DEVICE = {
  over_limits: "JSON NULL COMMENT 'resource limits that it is over, in words'",
  stuck: "JSON NULL COMMENT 'tasks whose handlers go on after their end, a slot each'",
  recent_claims: "INT NOT NULL DEFAULT 0 COMMENT 'tasks claimed within the last minute'",
};
const OF_LANE = { able: "INT NULL COMMENT 'online devices that can run it'" };

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function up(tools) {
  await tools.addColumns(tools.names.plain.device, OF_DEVICE);
  await tools.addColumns(tools.names.plain.lane, OF_LANE);
}

/** @param {import('../src/core/db/migrate/migrator-tools.ts').MigrationTools} tools */
export async function down(tools) {
  await tools.dropColumns(tools.names.plain.lane, Object.keys(OF_LANE));
  await tools.dropColumns(tools.names.plain.device, Object.keys(OF_DEVICE));
}
