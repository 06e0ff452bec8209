// What would end a process ends the thread or process of handlers, which says first whose code it was.
import { thrownClass, thrownText } from '../../domain/text/thrown-text.ts';
import type { FromThread } from './handler-thread-messages.ts';

export interface LastWords {
  /** Of the attempt whose code runs; 0 = of none. */
  idNow(): number;
  /** For a warning. */
  nameNow(): string;
  say(message: FromThread): void;
  /** Sends what was said. */
  flush(): void;
}

/** From now on crashes are announced. Returns what `process.exit` was before, for those that end on purpose. */
export function announceCrashes({ idNow, nameNow, say, flush }: LastWords): (code: number) => never {
  const exit = process.exit.bind(process);
  const crash = (message: string, error_class: string) => {
    say({ kind: 'crash', id: idNow(), message, error_class });
    flush();
  };

  process.exit = ((code?: number) => {
    const shown = code ?? process.exitCode ?? 0;
    crash(`the handler called process.exit(${shown}); a handler must return or throw instead`, 'ProcessExit');
    return exit(code);
  }) as typeof process.exit;

  process.on('uncaughtException', (error) => {
    crash(`an error was thrown outside of the promise of the handler: ${thrownText(error)}`, thrownClass(error));
    exit(1);
  });

  process.on('unhandledRejection', (reason) => {
    say({ kind: 'warning', message: `unhandled promise rejection (${nameNow()}): ${thrownText(reason)}` });
  });
  return exit;
}
