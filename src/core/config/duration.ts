// For cli and commands, which may not take values from domain; and not from config-schema.ts, which would load zod.
export { durationSeconds as parseDuration } from '../domain/duration.ts';
