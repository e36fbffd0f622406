//! Go templates: text to a parsed set, executed over typed values within bounds.
