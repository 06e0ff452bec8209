// How a running attempt gets on, in words and as a bar.
import type { ProgressRecord } from '../../core/domain/task/progress.ts';
import { duration } from './text.ts';

const BAR = 20;

/** For a column: `43 %`, or the number alone when its total is not known. Empty = nothing was said. */
export function progressShort(progress: ProgressRecord | null): string {
  if (progress === null || progress.done === null) return '';
  const part = fraction(progress);
  // 99.9 % is not done.
  return part === null ? amount(progress.done) : `${Math.floor(part * 100)} %`;
}

/** `████████░░░░ 43 %, 430 of 1000, about 5 min left: app 43`. Empty = nothing was said. */
export function progressLine(progress: ProgressRecord | null): string {
  if (progress === null || progress.done === null) return '';
  const { done, total, remaining, message } = progress;
  const part = fraction(progress);
  const full = part === null ? 0 : Math.floor(part * BAR);
  const parts = [
    part === null ? '' : `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${progressShort(progress)}`,
    total === null ? amount(done) : `${amount(done)} of ${amount(total)}`,
    remaining === null ? '' : `about ${duration(remaining)} left`,
  ];
  return `${parts.filter((one) => one !== '').join(', ')}${message === null ? '' : `: ${message}`}`;
}

/** `rows 12, errors 0`. */
export function metricsLine(progress: ProgressRecord | null): string {
  return Object.entries(progress?.metrics ?? {})
    .map(([name, value]) => `${name} ${typeof value === 'number' ? amount(value) : JSON.stringify(value)}`)
    .join(', ');
}

export function memory(progress: ProgressRecord | null): string {
  const { peak_memory: bytes = null } = progress ?? {};
  if (bytes === null) return '';
  const mib = bytes / 1024 / 1024;
  return mib < 10 ? `${mib.toFixed(1)} MiB` : `${Math.round(mib)} MiB`;
}

export function cpu(progress: ProgressRecord | null): string {
  const { cpu_ms: ms = null } = progress ?? {};
  if (ms === null) return '';
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms / 1000);
}

/** 0 to 1; null = not known. */
function fraction({ done, total }: ProgressRecord): number | null {
  return done === null || total === null || total <= 0 ? null : Math.min(1, done / total);
}

function amount(value: number): string {
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(6)));
}
