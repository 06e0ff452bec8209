/** An answer before it is sent. */
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body: string;
  /** Break the connection in the middle of the body. */
  cut?: boolean;
  /** Milliseconds to wait first. */
  delay_ms?: number;
  /** Called when the whole reply has been handed over. */
  sent?: () => void;
}

/** All days from `from` to `to`, both included, `YYYY-MM-DD`. */
export function daysBetween(from: string, to: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(`${from}T00:00:00Z`); at <= Date.parse(`${to}T00:00:00Z`); at += 86_400_000) {
    days.push(new Date(at).toISOString().slice(0, 10));
  }
  return days;
}

/** What the service shows for an app that is unknown or belongs to another token. */
export function notFoundPage(): Reply {
  return {
    status: 404,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: '<!DOCTYPE html><html><head><title>404</title></head><body><h1>Page not found</h1></body></html>\n',
  };
}

export function json(value: unknown): Reply {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}
