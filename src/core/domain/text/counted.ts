/** `1 task`, `2 tasks`: a number with its noun. `plural` where it is not the noun with an s. */
export function counted(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}
