/** What every task carries: about 100 bytes of JSON. */
export function payload(id) {
  return { id, username: `user${id % 100}@example.com`, app_id: `com.example.app${id}`, start_date: '2024-01-01' };
}

/** 0 … n−1 in parts of at most `size`. */
export function range(n, size) {
  const parts = [];
  for (let from = 0; from < n; from += size) {
    parts.push(Array.from({ length: Math.min(size, n - from) }, (_, k) => from + k));
  }
  return parts;
}
