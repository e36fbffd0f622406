import { expect, test } from 'vitest';
import { toCsv } from './csv';
import { frameOf, type Field } from './frame';

const column = (name: string, type: Field['type'], values: unknown[]): Field => ({ name, type, values, config: { custom: {} } });

test('times are ISO, quotes are doubled, and no cell is a formula', () => {
  const frame = frameOf([column('Time', 'time', [0, 1000]), column('job', 'string', ['a "b", c', '=HYPERLINK("x")']), column('v', 'number', [-1.5, null])]);
  expect(toCsv([frame])).toBe(
    'Time,job,v\r\n1970-01-01T00:00:00.000Z,"a ""b"", c",-1.5\r\n1970-01-01T00:00:01.000Z,"\'=HYPERLINK(""x"")",\r\n',
  );
});
