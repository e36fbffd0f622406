import { expect, test } from 'vitest';
import { frameOf, type Field } from './frame';
import type { Scope } from './interpolate';
import { linksOf } from './links';

const scope: Scope = { values: new Map([['job', { value: 'a b', text: 'A', pattern: false }]]), range: { from: 1000, to: 2000 }, zone: 'UTC' };

function column(name: string, type: Field['type'], values: unknown[], config: object = {}, labels?: Record<string, string>): Field {
  return { name, type, values, labels, config: { custom: {}, ...config } };
}

/** Title and address of a link of the second row. */
function linked(title: string, url: string) {
  const links = [{ title, url, blank: true }];
  const value = column('Value', 'number', [0.5, 0.25], { unit: 'percentunit', links }, { job: 'x/y' });
  const frame = frameOf([column('Time', 'time', [10, 20]), column('host name', 'string', ['a', 'b&c']), value]);
  const [link] = linksOf(value, frame, 1, [frame], scope, { zone: 'UTC', theme: 'dark' });
  return [link?.title, link?.url];
}

test.each([
  ['Host ${__data.fields["host name"]}', '/d/x?h=${__data.fields["host name"]}', ['Host b&c', '/d/x?h=b%26c']],
  ['${__value.text}', '/x?v=${__value.raw}&n=${__value.numeric}&at=${__value.time}', ['25%', '/x?v=0.25&n=0.25&at=20']],
  ['${__field.labels.job} of $job', '/x?l=${__field.labels.job}&j=$job&r=${__field.labels.job:raw}', ['x/y of A', '/x?l=x%2Fy&j=a%20b&r=x/y']],
  ['${__data.fields[1]}', '/x?${__url_time_range}&o=${__data.fields.nothing}', ['b&c', '/x?from=1000&to=2000&o=${__data.fields.nothing}']],
  ['${__field.name}', 'https://wiki/${__data.fields.Value.numeric}', ['Value', 'https://wiki/0.25']],
])('%s to %s', (title, url, expected) => {
  expect(linked(title, url)).toEqual(expected);
});
