import { expect, test } from 'vitest';
import { linkedText, wecomBlocks, type Piece } from './wecom';

function shown(pieces: Piece[]): string {
  return pieces
    .map((one) => (one.kind === 'text' ? one.text : `<${one.kind}${one.colour ?? ''}${one.href === undefined ? '' : ` ${one.href}`}:${one.inner ? shown(one.inner) : one.text}>`))
    .join('');
}

test.each([
  ['**<font color="warning">🔴 告警：X</font>**', 'line', '<bold:<colourwarning:🔴 告警：X>>'],
  ['> 数值：`3` 件', 'quote', '数值：<code:3> 件'],
  ['### 标题', 'heading', '标题'],
  ['', 'space', ''],
  ['[打开](http://h/#/alerts?receiver=team) 完', 'line', '<link http://h/#/alerts?receiver=team:打开> 完'],
  ['[x](http://h/graph?a=f(b))', 'line', '<link http://h/graph?a=f(b):x>'],
  ['[x](javascript:alert(1))', 'line', '[x](javascript:alert(1))'],
  ['<img src=x onerror=alert(1)>', 'line', '<img src=x onerror=alert(1)>'],
  ['<font color="red">x</font>', 'line', '<font color="red">x</font>'],
  ['2 ** 3', 'line', '2 ** 3'],
])('%s is a %s', (text, kind, expected) => {
  const [block] = wecomBlocks(text);
  expect([block?.kind, shown(block?.pieces ?? [])]).toEqual([kind, expected]);
});

test('addresses in plain text can be followed, and end where Chinese goes on', () => {
  expect(shown(linkedText('看 http://h/a?b=c#d，完'))).toBe('看 <link http://h/a?b=c#d:http://h/a?b=c#d>，完');
});
