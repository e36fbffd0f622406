//! Walking over series of several sources at once, in ascending order of labels.

use lingshao_model::Labels;

use crate::block::BlockCursor;
use crate::chunk::Columns;
use crate::generation::GenerationView;
use crate::series::{ChunkHead, Series, merge_into};

/// Some series of one source, ascending by labels.
#[derive(Debug)]
pub(crate) enum Cursor {
    Head { view: GenerationView, series: Vec<u32>, at: usize },
    Block(BlockCursor),
}

impl Cursor {
    pub(crate) fn head(view: GenerationView, series: Vec<u32>) -> Cursor {
        Cursor::Head { view, series, at: 0 }
    }

    pub(crate) fn labels(&self) -> Option<&Labels> {
        match self {
            Cursor::Head { .. } => self.head_series().map(|series| &series.labels),
            Cursor::Block(cursor) => cursor.labels(),
        }
    }

    pub(crate) fn advance(&mut self) {
        match self {
            Cursor::Head { at, .. } => *at += 1,
            Cursor::Block(cursor) => cursor.advance(),
        }
    }

    /// Appends the current series' samples within a range to empty columns.
    pub(crate) fn read(&mut self, from: i64, to: i64, out: &mut Columns) {
        match self {
            Cursor::Head { view, series, at } => {
                if let Some(series) = series.get(*at) {
                    view.read(*series, from, to, out);
                }
            }
            Cursor::Block(cursor) => cursor.read(from, to, out),
        }
    }

    /// The current series' chunks, encoded, if they are all there is of it.
    pub(crate) fn chunks(&mut self) -> Option<Vec<(ChunkHead, &[u8])>> {
        match self {
            Cursor::Head { .. } => {
                let series = self.head_series()?;
                (!series.has_late()).then(|| series.chunks().collect())
            }
            Cursor::Block(cursor) => cursor.chunks(),
        }
    }

    pub(crate) fn take_damage(&mut self) -> Vec<String> {
        match self {
            Cursor::Head { .. } => Vec::new(),
            Cursor::Block(cursor) => std::mem::take(&mut cursor.damage),
        }
    }

    fn head_series(&self) -> Option<&Series> {
        let Cursor::Head { view, series, at } = self else { return None };
        series.get(*at).map(|series| view.series(*series))
    }
}

/// Cursors of several sources, oldest source first, walked together.
#[derive(Debug)]
pub(crate) struct Cursors {
    cursors: Vec<Cursor>,
    /// Which cursors stand on the current labels, ascending.
    current: Vec<usize>,
    columns: Columns,
    scratch: Columns,
}

impl Cursors {
    pub(crate) fn new(cursors: Vec<Cursor>) -> Cursors {
        let mut cursors = Cursors {
            cursors,
            current: Vec::new(),
            columns: Columns::default(),
            scratch: Columns::default(),
        };
        cursors.settle();
        cursors
    }

    /// The labels that all current cursors stand on; `None` at the end.
    pub(crate) fn labels(&self) -> Option<&Labels> {
        self.current.first().and_then(|first| self.cursors[*first].labels())
    }

    pub(crate) fn advance(&mut self) {
        for index in &self.current {
            self.cursors[*index].advance();
        }
        self.settle();
    }

    /// The current series' labels, and its samples within a range, merged over the sources; of two samples at one
    /// instant the older source's stays.
    pub(crate) fn read(&mut self, from: i64, to: i64) -> Option<(&Labels, &Columns)> {
        self.columns.clear();
        for (nth, index) in self.current.iter().enumerate() {
            if nth == 0 {
                self.cursors[*index].read(from, to, &mut self.columns);
            } else {
                self.scratch.clear();
                self.cursors[*index].read(from, to, &mut self.scratch);
                merge_into(&mut self.columns, &self.scratch);
            }
        }
        let first = *self.current.first()?;
        self.cursors[first].labels().map(|labels| (labels, &self.columns))
    }

    /// The current series' encoded chunks over all sources, if they follow each other in time; `None` when they
    /// must be decoded to be merged.
    pub(crate) fn chunks(&mut self, out: &mut Vec<u8>, heads: &mut Vec<(ChunkHead, usize)>) -> Option<()> {
        out.clear();
        heads.clear();
        for index in &self.current {
            for (head, bytes) in self.cursors[*index].chunks()? {
                if heads.last().is_some_and(|(previous, _)| previous.last_t >= head.first_t) {
                    return None;
                }
                out.extend_from_slice(bytes);
                heads.push((head, bytes.len()));
            }
        }
        Some(())
    }

    pub(crate) fn take_damage(&mut self) -> Vec<String> {
        self.cursors.iter_mut().flat_map(Cursor::take_damage).collect()
    }

    fn settle(&mut self) {
        self.current.clear();
        if self.cursors.len() == 1 {
            return self.current.extend(self.cursors[0].labels().is_some().then_some(0));
        }
        let mut least: Option<&Labels> = None;
        for (index, cursor) in self.cursors.iter().enumerate() {
            let Some(labels) = cursor.labels() else { continue };
            match least.map_or(std::cmp::Ordering::Less, |least| labels.cmp(least)) {
                std::cmp::Ordering::Less => {
                    least = Some(labels);
                    self.current.clear();
                    self.current.push(index);
                }
                std::cmp::Ordering::Equal => self.current.push(index),
                std::cmp::Ordering::Greater => {}
            }
        }
    }
}
