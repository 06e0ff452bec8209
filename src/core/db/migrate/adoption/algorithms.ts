// How the server may run an ALTER, in the order in which they are tried. Each lets the writers of the table go on.

export const INSTANT = ['ALGORITHM=INSTANT'];

export const INDEX = ['ALGORITHM=INPLACE, LOCK=NONE'];

/**
 * INPLACE only where the server cannot do it INSTANT (64 instant changes, compressed rows): it rebuilds. MariaDB refuses both when the row
 * with the columns that earlier instant changes have dropped is too long (1118); FORCE builds the table anew, without them.
 */
export const COLUMNS = [...INSTANT, ...INDEX, 'FORCE, ALGORITHM=INPLACE, LOCK=NONE'];
