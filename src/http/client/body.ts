// Reads the body of an answer. The signal is heard here: fetch of Node 20 forgets its own once the headers have come, when garbage is
// collected (undici 6 with `redirect: 'error'`).

/** The parts as they arrive. @throws the signal's reason when it is aborted; TypeError when the answer breaks off */
export async function* partsOf(
  { body }: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  if (body === null) return;
  const reader = body.getReader();
  // Ends a read that waits, and the connection. What has failed already has said so to the read.
  const cancel = () => void reader.cancel().catch(() => {});
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
    cancel();
  }
}

/** All of it, as UTF-8. @throws as partsOf */
export async function textOf(answer: Response, signal: AbortSignal | undefined): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of partsOf(answer, signal)) text += decoder.decode(part, { stream: true });
  return text + decoder.decode();
}
