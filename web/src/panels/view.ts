// What every kind of panel is given to draw.

import type { Frame } from '../lib/grafana/frame';
import type { Look } from '../lib/grafana/display';
import type { Panel } from '../lib/grafana/model';
import type { Range } from '../lib/time/range';

export interface View<Kind extends Panel = Panel> {
  panel: Kind;
  /** After transformations and field options. */
  frames: Frame[];
  range: Range;
  look: Look;
  /** Room, in pixels. */
  width: number;
  height: number;
  /** The panel's title, variables filled in. */
  title: string;
  /** Panels of one name share their crosshair. */
  sync?: string;
  onzoom?: (from: number, to: number) => void;
}
