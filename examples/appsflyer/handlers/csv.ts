/** A line that does not follow RFC 4180. `line` counts from 1, line breaks inside quotes included. */
export class CsvError extends Error {
  constructor(message: string, line: number) {
    super(`CSV, line ${line}: ${message}`);
    this.name = 'CsvError';
  }
}

/**
 * Records of RFC 4180 text: quoted fields may hold commas, quotes ("") and line breaks; lines end with CRLF, LF or CR;
 * a byte order mark and a missing last line end are fine. Throws CsvError on a quote where none may be.
 */
export function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let line = 1;
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const lineEnd = /[,\r\n]/g;
  while (at < text.length) {
    let field: string;
    if (text[at] === '"') {
      field = '';
      for (at += 1; ; at += 2) {
        const end = text.indexOf('"', at);
        if (end === -1) throw new CsvError('a quoted field does not end', line);
        field += text.slice(at, end);
        at = end;
        if (text[end + 1] !== '"') break;
        field += '"';
      }
      at += 1;
      if (at < text.length && !',\r\n'.includes(text[at]!)) throw new CsvError('text after a closing quote', line);
      line += field.split('\n').length - 1;
    } else {
      lineEnd.lastIndex = at;
      const end = lineEnd.exec(text)?.index ?? text.length;
      field = text.slice(at, end);
      if (field.includes('"')) throw new CsvError('a quote inside an unquoted field', line);
      at = end;
    }
    record.push(field);
    if (text[at] === ',') {
      at += 1;
      if (at < text.length) continue;
      record.push('');
    }
    records.push(record);
    record = [];
    at += text.startsWith('\r\n', at) ? 2 : 1;
    line += 1;
  }
  return records;
}
