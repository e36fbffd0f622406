import { expect, test } from 'vitest';
import { emptyBoard, withPanel } from './boardPanel';

interface Panel {
  id: number;
  gridPos: unknown;
  targets: unknown;
  fieldConfig: { defaults: { unit: string } };
}

test('a panel stands below all others, with an id of its own', () => {
  const inRow = { id: 9, gridPos: { x: 0, y: 20, w: 24, h: 6 } };
  const board = { title: 'b', panels: [{ id: 2, gridPos: { x: 0, y: 0, w: 12, h: 8 } }, { id: 3, type: 'row', panels: [inRow] }] };
  const panels = withPanel(board, 'QPS', 'sum(rate(http_requests_total[5m]))').panels as Panel[];
  expect(panels).toHaveLength(3);
  expect(panels[2]).toMatchObject({ id: 10, gridPos: { x: 0, y: 26, w: 12, h: 8 } });
  expect(panels[2]?.targets).toEqual([{ refId: 'A', expr: 'sum(rate(http_requests_total[5m]))' }]);
  expect(panels[2]?.fieldConfig.defaults.unit).toBe('reqps');
  expect(board.panels).toHaveLength(2);
});

test('a new board begins with it', () => {
  const panels = withPanel(emptyBoard('new'), 'up', 'up').panels as Panel[];
  expect(panels[0]).toMatchObject({ id: 1, gridPos: { y: 0 }, fieldConfig: { defaults: { unit: 'short' } } });
});
