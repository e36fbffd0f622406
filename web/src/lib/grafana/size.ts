// The grid on which panels lie.

export const COLUMNS = 24;

/** How large a panel is whose author did not say. */
export function usualSize(type: string): { w: number; h: number } {
  switch (type) {
    case 'row': return { w: COLUMNS, h: 1 };
    case 'stat':
    case 'singlestat':
    case 'gauge': return { w: 6, h: 4 };
    case 'text': return { w: 12, h: 4 };
    default: return { w: 12, h: 8 };
  }
}
