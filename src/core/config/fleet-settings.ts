import type { SettingRow } from '../db/settings/read-settings.ts';
import { FLEET_KEYS } from '../domain/fleet-keys.ts';
import type { Events } from '../runtime/events.ts';
import { RANGES } from './config-keys.ts';
import { dangers } from './config-warnings.ts';
import { getValue, setValue } from './dotted.ts';
import { checkedValue, type OwnValue, ownValues } from './fleet-keys.ts';
import type { ResolvedConfig } from './load-config.ts';

/** Characters of a value that is not valid. */
const SHOWN = 60;

/**
 * Lays the fleet's values over this node's configuration, in the one object that all parts of the node read. Code that
 * reads `config.master.task_timeout` when it needs it, and keeps no copy, always uses the fleet's current value.
 */
export class FleetSettings {
  /** By key, what this node would use if the fleet said nothing. */
  readonly own: ReadonlyMap<string, OwnValue>;
  readonly #resolved: ResolvedConfig;
  readonly #events: Events | undefined;
  readonly #said = new Set<string>();
  #seen: string | undefined;

  /** `events`: of a node, which says what it obeys; a short command obeys in silence. */
  constructor(resolved: ResolvedConfig, events?: Events) {
    this.#resolved = resolved;
    this.#events = events;
    this.own = ownValues(resolved.config, resolved.origins);
    for (const sentence of this.#dangers()) this.#said.add(sentence);
  }

  /** Takes over what the database says now; a key whose row is gone, or not valid, has this node's own value again. */
  obey(rows: SettingRow[]): void {
    const seen = JSON.stringify(rows.map(({ name, value }) => [name, value]));
    if (seen === this.#seen) return;
    this.#seen = seen;
    const { config, origins } = this.#resolved;
    const byName = new Map(rows.map((row) => [row.name, row.value]));
    const changes: Array<{ key: string; from: unknown; to: unknown }> = [];
    const overruled: string[] = [];
    for (const key of FLEET_KEYS) {
      const own = this.own.get(key)!;
      const fleet = byName.has(key) ? checkedValue(key, byName.get(key)) : undefined;
      if (byName.has(key) && fleet === undefined) {
        this.#warn(
          `the fleet-wide ${key} (${shown(byName.get(key))} in the database) is not valid${rangeNote(key)}: this node uses its own value ${String(own.value)}; publish a valid value with "afd config apply"`,
        );
      }
      const to = fleet ?? own.value;
      const from = getValue(config, key);
      origins[key] = fleet === undefined ? own.origin : 'fleet';
      if (fleet !== undefined && fleet !== own.value && own.origin !== 'default')
        overruled.push(`${key} is ${String(own.value)} on this node (${own.origin}), but ${String(fleet)} fleet-wide`);
      if (from === to) continue;
      setValue(config, key, to);
      changes.push({ key, from, to });
    }
    if (overruled.length > 0)
      this.#warn(
        `${overruled.join('; ')}: the fleet-wide value is used; run "afd config apply" to publish the values of this node`,
      );
    if (changes.length > 0) this.#events?.emit('settings:changed', { changes });
    for (const sentence of this.#dangers()) this.#warn(sentence);
  }

  #dangers(): string[] {
    return dangers(this.#resolved.config, this.#resolved.database);
  }

  /** Each sentence once. */
  #warn(message: string): void {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#events?.emit('warning', { message });
  }
}

/** Prints a value of any type. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function rangeNote(key: string): string {
  const range = RANGES.get(key);
  return range === undefined ? '' : ` (allowed: ${range})`;
}
